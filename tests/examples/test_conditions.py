"""The programs of `examples/` in trouble: answers get lost, tokens expire, colleagues are faster, files are wrong."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from jose import jwt
from sqlalchemy import Engine, text

from clinic_api.tokens import Tokens
from tests.examples.conftest import SECRET
from tests.examples.programs import ADMIN, copied, run, told
from tests.examples.proxy import Cut, proxy
from tests.factories import patient_body
from tests.faults.waiting import until

CREATES = b"POST /patients "
WAITS = 20  # seconds
HEAD = "given_name,family_name,birth_date\n"


def patients(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM patients")) or 0)


@pytest.fixture
def sessions(clinic: str, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is copied out of `stay_signed_in.py`, in a clinic that has its administrator."""
    httpx.post(f"{clinic}/auth/register", json={**ADMIN, "role": "ADMIN"}).raise_for_status()
    return copied("stay_signed_in.py", clinic, monkeypatch)


def signed_in(sessions: SimpleNamespace) -> tuple[Any, list[str]]:
    """A session, and what it will be answered."""
    session, answers = sessions.SignedIn(*ADMIN.values()), list[str]()
    session.hooks["response"] = lambda answer, **_: answers.append(f"{answer.request.path_url} {answer.status_code}")
    return session, answers


def test_tokens_are_renewed_before_they_expire(sessions: SimpleNamespace) -> None:
    session, answers = signed_in(sessions)
    assert 0 < session.renew_at - time.monotonic() <= 0.8 * 60 * 60
    session.renew_at = time.monotonic() - 1
    session.get("/auth/me")
    session.get("/auth/me")
    assert answers == ["/auth/refresh 200", "/auth/me 200", "/auth/me 200"]


def test_an_expired_token_is_renewed_and_the_request_sent_again(sessions: SimpleNamespace) -> None:
    session, answers = signed_in(sessions)
    claims = jwt.get_unverified_claims(session.headers["Authorization"].removeprefix("Bearer "))
    expired = Tokens(SECRET).sign(int(claims["sub"]), claims["role"], claims["sid"], -1)
    session.headers["Authorization"] = f"Bearer {expired}"
    assert session.get("/auth/me").json()["email"] == ADMIN["email"]
    assert answers == ["/auth/me 401", "/auth/refresh 200", "/auth/me 200"]


def test_a_session_that_is_over_is_begun_anew(sessions: SimpleNamespace, engine: Engine) -> None:
    session, answers = signed_in(sessions)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET expires_at = now()"))
    assert session.get("/auth/me").json()["email"] == ADMIN["email"]
    assert answers == ["/auth/me 401", "/auth/refresh 401", "/auth/login 200", "/auth/me 200"]


def test_a_refresh_whose_answer_is_lost_costs_one_request(
    sessions: SimpleNamespace, clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy(clinic, b"POST /auth/refresh ", [Cut.answered]) as between:
        copy = copied("stay_signed_in.py", between.address, monkeypatch)
        session, answers = signed_in(copy)
        session.renew_at = time.monotonic() - 1
        with pytest.raises(copy.requests.ConnectionError):
            session.get("/auth/me")
        assert session.get("/auth/me").status_code == 200
        assert answers == ["/auth/refresh 401", "/auth/login 200", "/auth/me 200"]


def test_what_is_refused_for_another_reason_is_raised_at_once(sessions: SimpleNamespace) -> None:
    session, answers = signed_in(sessions)
    with pytest.raises(sessions.requests.HTTPError, match="no such patient"):
        session.get("/patients/7")
    assert answers == ["/patients/7 404"]


def test_a_patient_whose_answer_gets_lost_is_made_once(clinic: str, engine: Engine) -> None:
    with proxy(clinic, CREATES, [Cut.answered, Cut.answered]) as between:
        said = run("safe_retries.py", between.address).stdout
    assert "Sent 3 times: there is patient 1." in said
    assert patients(engine) == 1


def test_while_the_first_request_still_runs_a_program_waits(clinic: str, engine: Engine) -> None:
    with proxy(clinic, CREATES, [Cut.at_once]) as between, engine.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute(text("LOCK TABLE patients IN EXCLUSIVE MODE"))
        program = pool.submit(run, "safe_retries.py", between.address)
        until(lambda: 409 in between.statuses, WAITS)
        other.rollback()
        assert "there is patient 1." in program.result().stdout
    assert patients(engine) == 1


def test_a_database_that_is_away_for_a_moment_is_waited_for(clinic: str, engine: Engine) -> None:
    with proxy(clinic, CREATES, []) as between, engine.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute(text("LOCK TABLE patients IN EXCLUSIVE MODE"))
        program = pool.submit(run, "safe_retries.py", between.address)
        until(lambda: 503 in between.statuses, WAITS)
        other.rollback()
        assert "Sent 2 times: there is patient 1." in program.result().stdout
    assert patients(engine) == 1


def test_a_clash_is_no_reason_to_try_again(clinic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(clinic, CREATES, []) as between:
        copy = copied("safe_retries.py", between.address, monkeypatch)
        session, body = copy.sign_in(), patient_body(medical_record_number="TAKEN")
        session.post("/patients", json=body)
        with pytest.raises(copy.requests.HTTPError, match="has this medical_record_number already"):
            session.post("/patients", json=body, headers={"Idempotency-Key": "another"})
        assert between.statuses.count(409) == 1


def test_no_change_is_lost_among_colleagues(clinic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    update = copied("update_without_overwriting.py", clinic, monkeypatch)
    body = {"given_name": "Łukasz", "birth_date": "1990-05-17", "address": "0"}
    path = f"/patients/{update.sign_in().post('/patients', json=body).json()['id']}"

    def add_lines(name: str) -> None:
        mine = update.sign_in()
        for number in range(5):
            update.change(
                mine, path, lambda patient, line=f"{name}{number}": {"address": f"{patient['address']}\n{line}"}
            )

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add_lines, "abc"))
    patient = update.sign_in().get(path).json()
    assert set(patient["address"].splitlines()) == {"0"} | {f"{name}{number}" for name in "abc" for number in range(5)}
    assert patient["version"] == 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{HEAD}Ana,Silva,2001-04-30\n,Groß,1968-12-31\n", ["1 error in 1 row", "row    3  given_name   is required"]),
        ("name,born\nJosé,1984\n", ["row    1  name", "row    1  born"]),
        ("", ["row    1  file"]),
        (b"\x89PNG\r\n\x1a\n\x00", ["nothing was imported"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_row_by_row_and_not_imported(
    content: str | bytes, said: list[str], clinic: str, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "patients.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = run("import_patients.py", clinic, str(file))
    assert (ended.returncode, ended.stderr) == (1, "")
    for words in said:
        assert words in ended.stdout, ended.stdout
    assert patients(engine) == 0


def test_a_file_of_ones_own_is_imported_once(clinic: str, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(HEAD + "".join(f"José,Núñez {number},1984-02-29\n" for number in range(1200)), encoding="utf-8")
    assert "Imported 1200 patients." in told("import_patients.py", clinic, str(file))
    assert "Imported 1200 patients before" in told("import_patients.py", clinic, str(file))
    assert patients(engine) == 1200


def test_a_file_that_is_not_there_is_named(clinic: str) -> None:
    ended = run("import_patients.py", clinic, "nothing.csv")
    assert (ended.returncode, ended.stderr) == (1, "There is no file nothing.csv.\n")
