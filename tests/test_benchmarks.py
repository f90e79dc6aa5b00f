"""That what `make bench` compares works and is comparable; nothing is measured here."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from sqlalchemy import URL, NullPool, create_engine, text

from benchmarks import servers
from benchmarks.figures import Figure, Spread
from benchmarks.filling import COLUMNS, fill, patients
from benchmarks.load import Call, Failed, creating, mixture, offered, wrk
from benchmarks.machine import TOOLS
from benchmarks.people import doctor
from benchmarks.picture import picture
from benchmarks.postgres import as_script, statements_in
from benchmarks.report import BEGIN, END, as_json, section, table, with_section
from benchmarks.scenarios.textbook import COUNTED, LIST
from benchmarks.scenarios.transfer import added, spreadsheet
from benchmarks.servers import Server, bearer
from clinic_api import migrations
from clinic_api.models import PatientCreate
from tests.process import text_of

needs_tools = pytest.mark.skipif(
    any(shutil.which(name) is None for name in TOOLS), reason=f"needs the programs {', '.join(TOOLS)}"
)
PATIENTS = 200
RESULTS = {
    "List of 50": [
        Figure("against textbook", Spread(7.1, 6.8, 7.4), least=6),
        Figure("Clinic API", Spread(2100, 2000, 2200), unit="requests/s"),
        Figure("textbook", Spread(300, 290, 310), unit="requests/s"),
    ],
    "Memory": [Figure("resident <after>", Spread(130, 130, 130), most=120, unit="MB", remark="60 s")],
    "Cursor": [Figure("deep page", most=2, remark="lists have no cursor yet")],
}
MACHINE = dict.fromkeys(
    ("date", "commit", "processor", "cores", "memory", "system", "python", "postgresql", "others"), "Some & other"
)


@pytest.fixture(scope="module")
def filled_database(database_url: URL) -> Iterator[str]:
    """A clinic as the benchmarks fill it, beside the tests' own database."""
    url = database_url.set(database=f"{database_url.database}_bench")
    server = create_engine(database_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {url.database} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {url.database}"))
        migrations.upgrade(url)
        filling = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).raw_connection()
        fill(filling.cursor(), PATIENTS, lambda _count: None)  # type: ignore[arg-type]
        filling.close()
        yield text_of(url)
        connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))


@pytest.fixture(scope="module")
def clinic(filled_database: str) -> Iterator[Server]:
    with servers.clinic(filled_database) as server:
        yield server


@pytest.fixture(scope="module")
def textbook(filled_database: str) -> Iterator[Server]:
    with servers.textbook(filled_database) as server:
        yield server


@pytest.fixture(scope="module")
def floor() -> Iterator[Server]:
    with servers.floor() as server:
        yield server


def shown(server: Server, path: str, email: str) -> Any:
    return server.get(path, server.token(email)).json()


@needs_tools
@pytest.mark.parametrize("email", ["admin@example.org", doctor(7)])
def test_the_textbook_lists_the_same_patients_as_the_clinic(clinic: Server, textbook: Server, email: str) -> None:
    theirs, ours = shown(textbook, LIST, email), shown(clinic, LIST, email)
    assert [row["id"] for row in theirs] == [row["id"] for row in ours]
    assert theirs[0].keys() == ours[0].keys()


@needs_tools
def test_the_textbook_counts_as_many_patients_as_it_should(textbook: Server) -> None:
    counted = shown(textbook, COUNTED, "admin@example.org")
    assert (counted["count"], len(counted["data"])) == (PATIENTS, 50)


@needs_tools
def test_the_textbook_shows_one_patient_as_the_clinic_does(clinic: Server, textbook: Server) -> None:
    path = "/patients/47"
    same = [shown(server, path, "admin@example.org")["medical_record_number"] for server in (clinic, textbook)]
    assert same == ["P-000047", "P-000047"]


@needs_tools
def test_the_textbook_lets_nobody_in_without_a_token(textbook: Server) -> None:
    assert textbook.http.get(LIST).status_code == 401


@needs_tools
def test_the_textbook_creates_patients_whom_the_clinic_shows(clinic: Server, textbook: Server) -> None:
    body = {"given_name": "Zoë", "birth_date": "1984-02-29", "medical_record_number": "TEXTBOOK-1"}
    answer = textbook.http.post("/patients", headers=bearer(textbook.token()), json=body)
    assert answer.status_code == 201, answer.text
    assert shown(clinic, f"/patients/{answer.json()['id']}", "admin@example.org")["given_name"] == "Zoë"


@needs_tools
def test_the_textbook_imports_a_spreadsheet(clinic: Server, filled_database: str) -> None:
    added(filled_database, spreadsheet(20))
    newest = shown(clinic, "/patients?sort=-id&limit=1", "admin@example.org")
    assert newest[0]["medical_record_number"] == "S-000020"


@needs_tools
def test_the_floor_answers_as_many_bytes_as_it_is_asked_for(floor: Server) -> None:
    assert len(floor.http.get("/12345").content) == 12345


@needs_tools
@pytest.mark.parametrize("call", [creating, partial(mixture, patients=PATIENTS)])
def test_what_wrk_sends_is_answered_well(clinic: Server, call: Callable[[str, str], Call]) -> None:
    assert wrk(call(clinic.address, clinic.token()), 1).per_second > 0


@needs_tools
def test_a_run_with_a_wrong_answer_does_not_count(floor: Server) -> None:
    with pytest.raises(Failed, match="answered wrongly"):
        wrk(Call(f"{floor.address}/nothing"), 1)


@needs_tools
def test_a_run_with_another_status_than_the_right_one_does_not_count(floor: Server) -> None:
    with pytest.raises(Failed, match="answered wrongly"):
        wrk(Call(f"{floor.address}/1", status=201), 1)


@needs_tools
def test_hey_offers_a_fixed_load(floor: Server) -> None:
    assert offered(Call(f"{floor.address}/1"), 64, 1) > 0


@needs_tools
def test_an_offered_load_with_a_wrong_answer_does_not_count(floor: Server) -> None:
    with pytest.raises(Failed):
        offered(Call(f"{floor.address}/nothing"), 64, 1)


def test_the_patients_whom_the_benchmarks_fill_in_are_valid() -> None:
    names = COLUMNS.split(", ")
    for row in patients(300):
        typed = {name: value for name, value in zip(names, row, strict=True) if name in PatientCreate.model_fields}
        PatientCreate.model_validate(typed | {"birth_date": str(typed["birth_date"])})


def test_statements_are_read_from_the_log_of_postgresql() -> None:
    log = (
        "2026-01-31 09:30:00.000 UTC [12] LOG:  statement: SELECT a\n"
        "\tFROM patients\n"
        "2026-01-31 09:30:00.001 UTC [13] LOG:  statement: COMMIT\n"
        "2026-01-31 09:30:00.002 UTC [13] LOG:  checkpoint starting: time\n"
    )
    assert statements_in(log) == [("12", "SELECT a\nFROM patients"), ("13", "COMMIT")]


def test_settings_that_are_sent_with_a_statement_are_sent_with_it_by_pgbench_too() -> None:
    assert as_script("SET LOCAL a = '1'; SET LOCAL b = '2'; SELECT ';'") == (
        "SET LOCAL a = '1'\\; SET LOCAL b = '2'\\; SELECT ';';\n"
    )


def test_the_table_says_what_holds_and_what_falls_short() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table(RESULTS))
    assert "✓" in captured.get()
    assert "✗ 8% above" in captured.get()


def test_the_json_has_every_figure() -> None:
    assert as_json(RESULTS, MACHINE).count('"scenario"') == 5


def test_the_picture_is_well_formed_and_shows_each_comparison() -> None:
    root = ElementTree.fromstring(picture(RESULTS, MACHINE))
    words = "".join(root.itertext())
    assert "Clinic API: 7.10 ×, 2 100/s" in words
    assert "Some & other" in words


def test_the_section_of_the_readme_is_replaced_and_nothing_else() -> None:
    before, after = "# Clinic\n\n", "\n## Next\n"
    once = with_section(f"{before}{BEGIN}old\n{END}{after}", section(RESULTS, MACHINE))
    assert once.startswith(before)
    assert once.endswith(after)
    assert "old" not in once
    assert with_section(once, section(RESULTS, MACHINE)) == once


def test_the_section_shows_only_what_something_was_wanted_of() -> None:
    lines = section(RESULTS, MACHINE)
    assert "List of 50: against textbook | ≥ 6.00 | 7.10 (6.80 – 7.40) | ✓" in lines
    assert "Cursor: deep page | ≤ 2.00 | not measured: lists have no cursor yet" in lines
    assert "requests/s" not in lines
