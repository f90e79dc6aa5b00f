"""Several replicas that start at once on an empty database each migrate it."""

from functools import partial

from tests.faults.clients import together
from tests.faults.clinic import folder
from tests.faults.figures import Figure
from tests.faults.postgres import postgres
from tests.process import run


def migrating(rounds: int, replicas: int) -> list[Figure]:
    statuses: list[int] = []

    def migrate(settings: dict[str, str]) -> None:
        statuses.append(run("clinic_api", "migrate", cwd=place, ENV="dev", **settings).returncode)

    with folder() as place, postgres(place / "postgres") as database:
        for number in range(rounds):
            database.ask(f"CREATE DATABASE empty{number}")
            url = f"postgresql://postgres@127.0.0.1:{database.port}/empty{number}"
            together([partial(migrate, {"DATABASE_URL": url})] * replicas)
    wanted = rounds * replicas
    return [Figure("successes", statuses.count(0), least=wanted, most=wanted)]
