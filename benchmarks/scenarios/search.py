"""Search among a million patients: in the database, and as it is felt over HTTP."""

from urllib.parse import quote_plus

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.filling import FIRST_FAMILY, FIRST_GIVEN, RARE
from benchmarks.load import Call, Failed, milliseconds
from benchmarks.servers import Server, bearer, clinic

TYPED = {
    "a rare word": (RARE, 10),
    "a word that 5 % bear": (FIRST_FAMILY, 50),
    "one letter": ("m", 50),
    "two words that 5 % bear each": (f"{FIRST_GIVEN} {FIRST_FAMILY}", 50),
}
SORTED_WITHIN = 400  # milliseconds


def search(bench: Bench) -> list[Figure]:
    database = bench.large()
    with clinic(bench.postgres.at(database, options="-c log_statement=all")) as ours:
        token = ours.token()
        figures = []
        for what, (typed, most) in TYPED.items():
            path = f"/patients?limit=50&q={quote_plus(typed)}"
            figures.append(time_of(bench, database, ours, token, path, what, most))
            with_sort = f"{what}, with an explicit sort"
            figures.append(time_of(bench, database, ours, token, f"{path}&sort=family_name", with_sort, SORTED_WITHIN))
    return sorted(figures, key=lambda figure: figure.most or 0)


def time_of(bench: Bench, database: str, server: Server, token: str, path: str, what: str, most: float) -> Figure:
    """In the database; over HTTP it is told beside."""
    call = Call(server.address + path, token)
    try:
        statements = bench.postgres.overhear(lambda: server.http.get(path, headers=bearer(token)))
        inside = bench.postgres.milliseconds(database, statements)
        felt = milliseconds(call, bench.seconds)
    except Failed as error:
        return Figure(what, most=most, unit="ms", remark=str(error), failed=True)
    return Figure(what, inside, most=most, unit="ms", remark=f"over HTTP {felt:.1f} ms")
