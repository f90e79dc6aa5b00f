"""Whether it stays as fast when the clinic has a hundred times as many patients."""

from functools import partial

from benchmarks.bench import FEW, Bench
from benchmarks.figures import Figure
from benchmarks.load import Call, Failed, alone, in_turn, milliseconds, rates, ratio
from benchmarks.people import ADMIN, doctor
from benchmarks.scenarios.textbook import LIST
from benchmarks.servers import Server, clinic

DEPTH = 900_000
STEP = 500
LISTS = {
    "list of 50": (ADMIN, LIST),
    "list of 50, by family name": (ADMIN, f"{LIST}&sort=family_name"),
    "a doctor's own list": (doctor(7), LIST),
}


def size(bench: Bench) -> list[Figure]:
    figures = []
    large = bench.postgres.at(bench.large())
    with bench.small() as name, clinic(bench.postgres.at(name)) as few, clinic(large) as many:
        for what, (who, path) in LISTS.items():
            calls = [Call(server.address + path, server.token(who)) for server in (few, many)]
            found = in_turn(bench.rounds, *rates(calls, bench.seconds))
            told = f"{alone(found, 1).middle:.0f} against {alone(found, 0).middle:.0f} requests/s"
            figures.append(Figure(f"{what}, time / with {FEW}", ratio(found, 0, 1), most=1.3, remark=told))
    return figures


def depth(bench: Bench) -> list[Figure]:
    what = f"after {DEPTH} patients, time / that of the first page"
    with clinic(bench.postgres.at(bench.large())) as ours:
        token = ours.token()
        deep = page_after(ours, token, DEPTH)
        calls = [Call(ours.address + LIST, token), Call(deep, token)]
        found = in_turn(bench.rounds, *(partial(milliseconds, call, bench.seconds) for call in calls))
    return [
        Figure(what, ratio(found, 1, 0), most=2),
        Figure("first page", alone(found, 0), unit="ms"),
        Figure("deep page", alone(found, 1), unit="ms"),
    ]


def page_after(server: Server, token: str, count: int) -> str:
    """The address of the page of 50 behind so many patients, by going there."""
    path = f"/patients?limit={STEP}"
    for _ in range(0, count, STEP):
        path = server.get(path, token).links["next"]["url"]
    deep = path.replace(f"limit={STEP}", "limit=50")
    if server.get(deep, token).json()[0]["id"] != count + 1:
        raise Failed(f"{deep} is not the page after {count} patients.")
    return deep
