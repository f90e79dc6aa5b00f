"""Send a request until it is answered, and be sure that it is done once.

    python examples/safe_retries.py

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.

When a connection breaks, nobody knows whether the work was done. With an `Idempotency-Key` the clinic does: it does the
work once, and answers each repetition as it did the first time. So the request may be repeated, and is:

- after a broken connection or a proxy's 502 or 504, at once, and then after 1, 2, 4, 8 and 16 seconds;
- after 429 (too many), 503 (no database) and 409 (the first one is still running), when their `Retry-After` says.

A program that may itself be killed keeps the key beside what it sends, or makes it from that: `visit-4711`.
"""

import os
import sys
from typing import Any
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

CLINIC = os.environ.get("CLINIC", "http://localhost:8000")
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")


class Later(Retry):
    """Of these answers, those that say in `Retry-After` when to repeat the request."""

    RETRY_AFTER_STATUS_CODES = frozenset({409, 429, 503})


class Clinic(requests.Session):
    """Knows the address, waits ten seconds at most, and raises what is refused with the sentence that says why."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, f"{CLINIC}{url}", *args, **{"timeout": 10, **options})
        if answer.headers.get("Content-Type") == "application/problem+json":
            raise requests.HTTPError(answer.json()["detail"], response=answer)
        answer.raise_for_status()
        return answer


def sign_in() -> Clinic:
    # The first administrator needs no token; once there is one this is refused, and they only sign in.
    requests.post(f"{CLINIC}/auth/register", json={"email": EMAIL, "password": PASSWORD, "role": "ADMIN"}, timeout=10)
    clinic = Clinic()
    pair = clinic.post("/auth/login", data={"username": EMAIL, "password": PASSWORD}).json()  # a form, not JSON
    clinic.headers["Authorization"] = f"Bearer {pair['access_token']}"
    again = Later(6, backoff_factor=0.5, status_forcelist=[502, 504], allowed_methods=None, raise_on_status=False)
    clinic.mount(CLINIC, HTTPAdapter(max_retries=again))
    return clinic


def main() -> None:
    clinic = sign_in()
    body = {"given_name": "María José", "family_name": "Núñez", "birth_date": "1984-02-29"}
    key = {"Idempotency-Key": str(uuid4())}  # a new one for each thing to do, the same for each attempt at it

    answer = clinic.post("/patients", json=body, headers=key)
    attempts = 1 + len(answer.raw.retries.history if answer.raw.retries else ())
    print(f"Sent {'once' if attempts == 1 else f'{attempts} times'}: there is patient {answer.json()['id']}.")

    again = clinic.post("/patients", json=body, headers=key)
    replayed = again.headers.get("Idempotent-Replayed") == "true"
    print(f"Sent once more: patient {again.json()['id']}", "again, and no second one." if replayed else "too!")


if __name__ == "__main__":
    try:
        main()
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
