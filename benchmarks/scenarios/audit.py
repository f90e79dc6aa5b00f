"""The access log of one patient, when ten million events were told."""

from contextlib import closing

from benchmarks.bench import FEW, Bench
from benchmarks.figures import Figure
from benchmarks.load import Call, milliseconds
from benchmarks.servers import bearer, clinic

EVENTS = 10_000_000
LOOKED_AT = 4711
LOOKS = 10_000
WHAT = f"first page of a patient with {LOOKS} looks, at {EVENTS} events"

# A tenth are lists of 50; the one patient is in none of them, and is read once in a thousand events.
TELL = f"""
INSERT INTO audit_events (id, at, actor_id, actor_email, action, entity, entity_id, entity_ids, address, request_id)
SELECT n, now() - ({EVENTS} - n) * interval '1 second', 1, 'admin@example.org',
    CASE WHEN is_list THEN 'list' ELSE 'read' END, 'patient',
    CASE WHEN is_list THEN NULL WHEN mod(n, {EVENTS // LOOKS}) = 1 THEN {LOOKED_AT}
         ELSE mod(n * 7919, {LOOKED_AT} - 1) + 1 END,
    CASE WHEN is_list THEN (
        SELECT array_agg({LOOKED_AT} + 1 + mod(n * 7919 + place, {FEW} - {LOOKED_AT}))
        FROM generate_series(1, 50) AS place
    ) END,
    '127.0.0.1', md5(n::text)
FROM generate_series(%s::bigint, %s) AS n, LATERAL (SELECT mod(n, 10) = 0 AS is_list) AS kind
"""
# A row for each look is as many as there can be: the trigger makes one for all looks at a patient within a batch.
LIST = """
INSERT INTO access_log (patient_id, newest_at, newest_id, event_ids)
SELECT patient_id, at, id, ARRAY[id]
FROM audit_events, unnest(coalesce(entity_ids, ARRAY[entity_id])) AS shown (patient_id)
"""
KEY = "ALTER TABLE access_log ADD CONSTRAINT pk_access_log PRIMARY KEY (patient_id, newest_at, newest_id)"
CHUNK = 500_000


def access_log(bench: Bench) -> list[Figure]:
    path = f"/patients/{LOOKED_AT}/access-log?limit=50"
    with bench.small() as name:
        tell(bench, name)
        with clinic(bench.postgres.at(name, options="-c log_statement=all")) as ours:
            token = ours.token()
            statements = bench.postgres.overhear(lambda: ours.http.get(path, headers=bearer(token)))
            inside = bench.postgres.milliseconds(name, statements)
            felt = milliseconds(Call(ours.address + path, token), bench.seconds)
    return [Figure(WHAT, inside, most=10, unit="ms", remark=f"over HTTP {felt:.1f} ms")]


def tell(bench: Bench, database: str) -> None:
    task = bench.progress.add_task(f"Telling {EVENTS:,} events", total=EVENTS)
    with closing(bench.postgres.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
        for first in range(1, EVENTS, CHUNK):
            cursor.execute(TELL, (first, first + CHUNK - 1))
            bench.progress.advance(task, CHUNK)
        bench.progress.update(task, description="Listing who was looked at")
        cursor.execute("ALTER TABLE access_log DROP CONSTRAINT pk_access_log")
        cursor.execute(LIST)
        cursor.execute(KEY)
        cursor.execute("SELECT setval('audit_events_id_seq', %s)", (EVENTS,))
        cursor.execute("VACUUM ANALYZE")
    bench.progress.remove_task(task)
