from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from clinic_api.config import get_settings
from clinic_api.main import create_app
from clinic_api.passwords import Passwords
from tests.factories import log_in, password_of, register

WRONG = "wrong, I fear"


def at(client: TestClient, address: str) -> TestClient:
    """The same person at another address."""
    return TestClient(client.app, headers=dict(client.headers), client=(address, 50000))


def guess(client: TestClient, email: str, password: str = WRONG) -> Any:
    return client.post("/auth/login", data={"username": email, "password": password})


def guesses(client: TestClient, times: int, email: str = "admin@example.org") -> list[int]:
    return [guess(client, email).status_code for _ in range(times)]


def minutes_pass(engine: Engine, minutes: int) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE attempts SET at = at - interval '{minutes} minutes'"))


@pytest.mark.parametrize("email", ["admin@example.org", "nobody@example.org", "not an address"])
def test_an_account_is_guessed_ten_times_whether_it_exists_or_not(email: str, admin: TestClient) -> None:
    stranger = at(admin, "10.0.0.9")
    assert guesses(stranger, 12, email) == [401] * 10 + [429] * 2
    answer = guess(stranger, email)
    assert 890 <= int(answer.headers["retry-after"]) <= 900
    assert answer.json()["detail"] == "Too many failed attempts. Try again in 15 minutes."


def test_the_count_goes_down_with_time(admin: TestClient, engine: Engine) -> None:
    stranger = at(admin, "10.0.0.9")
    guesses(stranger, 5)
    minutes_pass(engine, 10)
    assert guesses(stranger, 6) == [401] * 5 + [429]
    minutes_pass(engine, 5)
    assert guesses(stranger, 6) == [401] * 5 + [429]


def test_guesses_from_many_addresses_count_together(admin: TestClient) -> None:
    answers = [guess(at(admin, f"10.0.0.{number}"), "admin@example.org").status_code for number in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_an_address_guesses_fifty_times(client: TestClient) -> None:
    stranger = at(client, "10.0.0.9")
    answers = [guess(stranger, f"somebody{number}@example.org").status_code for number in range(52)]
    assert answers == [401] * 50 + [429] * 2
    assert guess(at(client, "10.0.0.8"), "somebody@example.org").status_code == 401


def test_twenty_wrong_ones_at_once_count_as_twenty(admin: TestClient) -> None:
    stranger = at(admin, "10.0.0.9")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: guess(stranger, "admin@example.org").status_code, range(20)))
    assert sorted(answers) == [401] * 10 + [429] * 10


def test_twenty_right_ones_at_once_succeed(admin: TestClient) -> None:
    elsewhere = at(admin, "10.0.0.9")
    with ThreadPoolExecutor(20) as pool:
        answers = pool.map(
            lambda _: guess(elsewhere, "admin@example.org", password_of("admin@example.org")).status_code, range(20)
        )
        assert list(answers) == [200] * 20


def test_a_right_one_among_wrong_ones_at_once_frees_no_more_than_its_place(admin: TestClient) -> None:
    elsewhere = at(admin, "10.0.0.9")
    passwords = [WRONG] * 4 + [password_of("admin@example.org")] + [WRONG] * 25
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda one: guess(elsewhere, "admin@example.org", one).status_code, passwords))
    assert answers.count(401) <= 10 + 10  # before and after the right one
    assert guess(elsewhere, "admin@example.org").status_code == 429


def test_a_right_one_leaves_undecided_ones_counted(admin: TestClient, engine: Engine) -> None:
    elsewhere = at(admin, "10.0.0.9")
    guesses(elsewhere, 5)
    with engine.begin() as connection:
        connection.execute(text("UPDATE attempts SET failed = false"))
    guesses(elsewhere, 2)
    log_in(elsewhere, "admin@example.org")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM attempts WHERE NOT failed")) == 5
        assert connection.scalar(text("SELECT count(*) FROM attempts WHERE failed")) == 0


def test_successful_logins_never_count(admin: TestClient, engine: Engine) -> None:
    for _ in range(12):
        log_in(admin, "admin@example.org")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM attempts")) == 0


def test_a_right_password_clears_the_count_of_its_address(admin: TestClient) -> None:
    here, there = at(admin, "10.0.0.9"), at(admin, "10.0.0.8")
    assert guesses(here, 5) + guesses(there, 4) == [401] * 9
    log_in(here, "admin@example.org")
    assert guesses(here, 11) == [401] * 10 + [429]
    assert guesses(there, 7) == [401] * 6 + [429]


def test_a_stranger_cannot_lock_the_owner_out(admin: TestClient) -> None:
    home, stranger = at(admin, "10.0.0.1"), at(admin, "10.0.0.9")
    log_in(home, "admin@example.org")
    guesses(stranger, 11)
    assert log_in(home, "admin@example.org")
    assert guess(at(admin, "10.0.0.2"), "admin@example.org", password_of("admin@example.org")).status_code == 429


def test_an_address_is_forgotten_after_thirty_days(admin: TestClient, engine: Engine) -> None:
    home, stranger = at(admin, "10.0.0.1"), at(admin, "10.0.0.9")
    log_in(home, "admin@example.org")
    with engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET created_at = created_at - interval '31 days'"))
    guesses(stranger, 10)
    assert guess(home, "admin@example.org").status_code == 429


def test_wrong_current_passwords_count_with_failed_logins(admin: TestClient) -> None:
    home = at(admin, "10.0.0.1")
    log_in(home, "admin@example.org")
    body = {"current_password": WRONG, "new_password": "quite another password"}
    answers = [home.put("/auth/password", json=body).status_code for _ in range(6)]
    assert answers + guesses(home, 5) == [422] * 6 + [401] * 4 + [429]
    assert home.put("/auth/password", json=body).status_code == 429


def test_what_a_process_was_about_to_check_when_it_died_is_forgotten(admin: TestClient, engine: Engine) -> None:
    stranger = at(admin, "10.0.0.9")
    guesses(stranger, 10)
    with engine.begin() as connection:
        connection.execute(text("UPDATE attempts SET failed = false, at = at - interval '3 minutes'"))
    assert guess(stranger, "admin@example.org").status_code == 401


def test_a_right_password_that_could_not_be_judged_gives_its_place_back(admin: TestClient, engine: Engine) -> None:
    impatient = get_settings().model_copy(update={"lock_timeout": 1})
    right = password_of("admin@example.org")
    with TestClient(create_app(impatient)) as client, engine.connect() as other:
        other.execute(text("SELECT * FROM users FOR UPDATE"))
        assert guess(client, "admin@example.org", right).status_code == 503
        other.rollback()
        assert other.scalar(text("SELECT count(*) FROM attempts")) == 0
        assert guess(client, "admin@example.org", right).status_code == 200


@pytest.mark.parametrize("name", ["patient 2", "emergency access of user 2", "admin@example.org 10.0.0.1", "2"])
def test_no_name_at_login_uses_up_other_attempts(name: str, admin: TestClient, doctor: TestClient) -> None:
    home, stranger = at(admin, "10.0.0.1"), at(admin, "10.0.0.9")
    log_in(home, "admin@example.org")
    assert guesses(stranger, 11, name) == [401] * 10 + [429]
    assert log_in(home, "admin@example.org")
    body = {"medical_record_number": "MRN-1", "birth_date": "1984-02-29", "reason": "Unconscious"}
    assert doctor.post("/emergency-access", json=body).status_code == 404


def test_ipv6_addresses_of_one_network_count_as_one(client: TestClient) -> None:
    answers = [guess(at(client, f"2001:db8:1:2::{n:x}"), f"x{n}@example.org").status_code for n in range(51)]
    assert answers == [401] * 50 + [429]
    assert guess(at(client, "2001:db8:1:3::1"), "x@example.org").status_code == 401


def test_a_password_that_an_administrator_sets_starts_the_count_anew(
    admin: TestClient, doctor: TestClient, client: TestClient
) -> None:
    guesses(client, 10, "ada@example.org")
    admin.put("/users/2/password", json={"new_password": "quite another password"}).raise_for_status()
    assert guess(client, "ada@example.org", "quite another password").status_code == 200


def test_what_was_typed_as_an_email_is_not_stored(admin: TestClient, engine: Engine) -> None:
    guess(admin, "a password in the wrong field")
    with engine.connect() as connection:
        for table in ("attempts", "audit_events"):
            assert "wrong field" not in str(connection.execute(text(f"SELECT * FROM {table}")).all())


def test_an_old_hash_is_renewed_at_login(admin: TestClient, engine: Engine, app: FastAPI) -> None:
    older = Passwords(get_settings().model_copy(update={"bcrypt_rounds": 5}))
    hashed = older.hash(password_of("admin@example.org"), "", "password")
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET hashed_password = :hashed"), {"hashed": hashed})
    for _ in range(2):
        log_in(admin, "admin@example.org")
        with engine.connect() as connection:
            assert ",r=4$" in (connection.scalar(text("SELECT hashed_password FROM users")) or "")


def test_while_a_hash_is_renewed_right_passwords_stay_right(admin: TestClient, engine: Engine) -> None:
    older = Passwords(get_settings().model_copy(update={"bcrypt_rounds": 5}))
    hashed = older.hash(password_of("admin@example.org"), "", "password")
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET hashed_password = :hashed"), {"hashed": hashed})
    right = password_of("admin@example.org")
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda _: guess(admin, "admin@example.org", right).status_code, range(10))
        assert list(answers) == [200] * 10


def test_anonymous_registrations_are_thirty_a_minute(admin: TestClient, client: TestClient) -> None:
    def attempt(who: TestClient, number: int) -> Any:
        body = {"email": f"x{number}@example.org", "password": "long enough", "role": "DOCTOR"}
        return who.post("/auth/register", json=body)

    answers = [attempt(client, number).status_code for number in range(29)]  # and the first administrator
    assert answers == [201] * 29
    answer = attempt(client, 31)
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert attempt(at(client, "10.0.0.8"), 32).status_code == 201
    assert register(admin, "y@example.org")


@pytest.mark.parametrize(
    ("password", "advice"),
    [("password1", "very common"), ("qwertyuiop", "common"), ("aaaaaaaaaaaa", 'Repeats like "aaa"')],
)
def test_a_password_that_is_easily_guessed_is_refused_with_advice(
    password: str, advice: str, client: TestClient
) -> None:
    body = {"email": "b@example.org", "password": password, "role": "DOCTOR"}
    answer = client.post("/auth/register", json=body)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], advice in error["message"]) == (422, "too_easy", True)
