"""Change a record without overwriting what a colleague has changed since you read it.

    python examples/update_without_overwriting.py

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.

Each answer with a single record has an `ETag`, its version. Sent back as `If-Match` it says: change this version, and
no other. If somebody was faster the answer is 412, nothing was changed, and you read again, decide again, send again.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import requests

CLINIC = os.environ.get("CLINIC", "http://localhost:8000")
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")
Record = dict[str, Any]


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
    return clinic


def change(clinic: Clinic, path: str, decide: Callable[[Record], Record]) -> Record:
    """The record with the changes that `decide` makes of what it is shown, which is what is there at that moment."""
    while True:
        read = clinic.get(path)
        try:
            answer = clinic.patch(path, json=decide(read.json()), headers={"If-Match": read.headers["ETag"]})
        except requests.HTTPError as refused:
            if refused.response.status_code != 412:
                raise
            print(f"  412. {refused}")
        else:
            changed: Record = answer.json()
            return changed


def main() -> None:
    mine, colleague = sign_in(), sign_in()
    body = {"given_name": "Łukasz", "birth_date": "1990-05-17", "address": "12 Harbour Street"}
    path = f"/patients/{mine.post('/patients', json=body).json()['id']}"

    def add_a_line(patient: Record) -> Record:
        print(f"  I read version {patient['version']}, and add a line to the address.")
        if patient["version"] == 1:
            colleague.patch(path, json={"address": "3 Mill Lane"})
            print("  Meanwhile a colleague enters where he has moved to.")
        return {"address": f"{patient['address']}\nring twice"}

    print(f"Łukasz lives at 12 Harbour Street ({path}).")
    patient = change(mine, path, add_a_line)
    print(f"Version {patient['version']} has both changes: {', '.join(patient['address'].splitlines())}.")


if __name__ == "__main__":
    try:
        main()
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
