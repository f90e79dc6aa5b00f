"""Import patients from a CSV file: try it first, see what is wrong row by row, and only then do it.

    python examples/import_patients.py                 an invented file, with mistakes at first
    python examples/import_patients.py patients.csv    yours

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.
The file's own hash is the `Idempotency-Key`, so a file that is sent twice within 24 hours is imported once.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import requests

CLINIC = os.environ.get("CLINIC", "http://localhost:8000")
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")
WITH_MISTAKES = """\
given_name;family_name;birth_date;gender;phone
Ελένη;Παπαδοπούλου;1979-08-15;female;+30 21 0123456
Jürgen;Groß;31.12.1968;male;+49 30 7654321
Ana;Silva;2001-04-30;f;
Erika;Mustermann;1964-08-12;female;soon
Ελένη;Παπαδοπούλου;1979-08-15;;
"""
MENDED = WITH_MISTAKES.replace("31.12.1968", "1968-12-31").replace(";f;", ";female;").replace("soon", "+49 30 1234567")


class Clinic(requests.Session):
    """Knows the address, waits ten minutes at most, and raises what is refused with the sentence that says why."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, f"{CLINIC}{url}", *args, **{"timeout": 600, **options})
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


def is_right(clinic: Clinic, content: bytes) -> bool:
    """Whether all of it could be imported; what is wrong, or looks doubtful, is printed."""
    try:
        report = clinic.post("/patients/import?dry_run", files={"file": content}).json()
    except requests.HTTPError as refused:
        print(refused)
        for error in refused.response.json().get("errors", []):
            print(f"  row {error.get('row', '–'):>4}  {error['field']:<12} {error['message']}")
        return False
    print(f"{report['rows']} rows, all of them right.")
    for row in report["likely_duplicates"]["first"]:
        like = f"row {row['like_row']}" if row["like_row"] else f"patient {row['patient_id']}"
        print(f"  row {row['row']:>4}  has the name and the birth date of {like}; look at both afterwards")
    return True


def main() -> None:
    clinic = sign_in()
    content = Path(sys.argv[1]).read_bytes() if sys.argv[1:] else WITH_MISTAKES.encode()
    print("Trying the file, without storing anything.")
    if not is_right(clinic, content):
        if sys.argv[1:]:
            sys.exit(1)
        print("\nThe same file, with its three mistakes mended.")
        content = MENDED.encode()
        is_right(clinic, content)

    key = {"Idempotency-Key": hashlib.sha256(content).hexdigest()}
    answer = clinic.post("/patients/import", files={"file": content}, headers=key)
    before = " before: this file was sent within the last 24 hours" if "Idempotent-Replayed" in answer.headers else ""
    print(f"Imported {answer.json()['imported']} patients{before}.")


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(f"There is no file {error.filename}.")
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
