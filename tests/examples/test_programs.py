"""Each program of `examples/` runs as its page says, says what is true, and ends with a sentence where it cannot."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from tests.examples.programs import ADMIN, EXAMPLES, run, told
from tests.process import free_port

FACTS = {
    "a_day_at_the_clinic.py": [
        "José Núñez\n",
        "Łukasz O'Brien\n",
        "She asks for the third: 404. There is no such patient, or you may not see it.",
    ],
    "walk_all_pages.py": [
        "8 patients are called Pappenheim.",
        "page 1: Helene, Gustav, Frieda\n  page 2: Emma, David, Clara\n  page 3: Bruno, Anna\n",
        "8 rows, the last of which is Anna, born 1958-06-21.",
    ],
    "stay_signed_in.py": [
        "Signed in as admin@example.org. In 48 minutes",
        "new tokens first",
        "sent again",
        "The last token is worth nothing now: 401. This session has ended",
    ],
    "safe_retries.py": ["Sent once: there is patient ", "again, and no second one."],
    "update_without_overwriting.py": [
        "412. This has changed since you read it.",
        "both changes: 3 Mill Lane, ring twice.",
    ],
    "import_patients.py": [
        "There are 3 errors in 3 rows, so nothing was imported.",
        "row    3  birth_date   must be a date that exists, written YYYY-MM-DD\n",
        "row    4  gender       must be 'male', 'female', 'other' or 'unknown'\n",
        "row    6  has the name and the birth date of row 2;",
        "Imported 5 patients",
    ],
}
programs = pytest.mark.parametrize("name", sorted(FACTS))


def check(name: str, clinic: str) -> None:
    said = told(name, clinic)
    for fact in FACTS[name]:
        assert fact in said, said


def test_no_program_is_forgotten() -> None:
    assert {path.name for path in EXAMPLES.glob("**/*.py")} == FACTS.keys()


@programs
def test_a_program_is_the_first_thing_that_a_new_clinic_sees(name: str, clinic: str) -> None:
    check(name, clinic)


def test_programs_run_after_one_another_in_any_order_and_again(clinic: str) -> None:
    for name in [*sorted(FACTS), *sorted(FACTS, reverse=True)]:
        check(name, clinic)


@programs
def test_without_a_clinic_a_program_says_what_to_do(name: str) -> None:
    ended = run(name, f"http://127.0.0.1:{free_port()}")
    assert ended.returncode == 1
    assert "Start one with `make run`" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_somebody_elses_administrator_is_asked_for(clinic: str) -> None:
    httpx.post(f"{clinic}/auth/register", json={**ADMIN, "role": "ADMIN"}).raise_for_status()
    for name in FACTS:
        ended = run(name, clinic, ADMIN_PASSWORD="another one")
        assert ended.returncode == 1
        assert ended.stderr.startswith("E-mail or password is wrong")
        assert "ADMIN_EMAIL" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.fixture
def another_server() -> Iterator[str]:
    """It answers POST with 501 and a page."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@programs
def test_a_program_that_meets_another_server_says_so(name: str, another_server: str) -> None:
    ended = run(name, another_server)
    assert ended.returncode == 1
    assert "501" in ended.stderr
    assert another_server in ended.stderr
    assert "Traceback" not in ended.stderr
