"""Connections that die while they are in use, or while they wait in the pool."""

import time
from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from tests.factories import make_doctor, make_patient, patient_body

BLOCKED_WITHIN = 30  # seconds
KILL = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clinic-api'")


def kill_connections(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(KILL)


def test_a_connection_that_died_in_the_pool_fails_no_request(admin: TestClient, engine: Engine) -> None:
    for path in ("/patients", "/health/ready", "/health"):
        assert admin.get(path).status_code == 200
        kill_connections(engine)
        assert admin.get(path).status_code == 200
    kill_connections(engine)
    assert admin.post("/patients", json={"given_name": "x", "birth_date": "1990-01-01"}).status_code == 201


def test_connections_that_die_in_use_give_503_and_their_places_back(admin: TestClient, engine: Engine) -> None:
    with ThreadPoolExecutor(9) as pool:
        answers = [pool.submit(admin.get, "/patients") for _ in range(600)]
        for _ in range(30):
            kill_connections(engine)
        assert {answer.result().status_code for answer in answers} <= {200, 503}
    pooled = admin.app.state.engine.pool  # type: ignore[attr-defined]
    assert pooled.checkedout() == 0
    assert {admin.get("/patients").status_code for _ in range(3)} == {200}


def test_what_was_read_only_for_a_while_is_written_to_again(admin: TestClient, engine: Engine) -> None:
    """As a primary that became a standby, and is the primary again."""
    read_only = "ALTER DATABASE {} SET default_transaction_read_only = {}".format
    name = engine.url.database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(read_only(name, "on")))
        kill_connections(engine)
        try:
            assert admin.post("/patients", json=patient_body()).status_code == 503
        finally:
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(read_only(name, "off")))
    assert admin.post("/patients", json=patient_body()).status_code == 201


def test_what_the_database_cannot_do_is_no_failure_of_the_server(admin: TestClient, engine: Engine) -> None:
    rename = "ALTER FUNCTION {}(text) RENAME TO {}".format
    names = ("claim_medical_record_number", "elsewhere")
    with engine.begin() as connection:
        connection.execute(text(rename(*names)))
    try:
        answer = admin.post("/patients", json=patient_body())
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    finally:
        with engine.begin() as connection:
            connection.execute(text(rename(*reversed(names))))


def test_a_deadlock_is_tried_again(admin: TestClient, engine: Engine) -> None:
    doctor, patient = make_doctor(admin)["id"], make_patient(admin)["id"]
    with ThreadPoolExecutor(1) as pool, engine.begin() as other:
        other.execute(text("SELECT FROM patients FOR UPDATE"))
        answer = pool.submit(admin.post, f"/doctors/{doctor}/patients/{patient}")
        wait_until_blocked(engine)  # it has the doctor and waits for the patient
        time.sleep(0.3)  # who waits longest is the victim
        other.execute(text("SELECT FROM doctors FOR UPDATE"))
        other.commit()
        assert answer.result().status_code == 201


def wait_until_blocked(engine: Engine) -> None:
    blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    until = time.monotonic() + BLOCKED_WITHIN
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:  # it looks once a transaction
        while not connection.scalar(blocked):
            assert time.monotonic() < until
            time.sleep(0.01)
