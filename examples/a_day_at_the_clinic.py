"""A day at the clinic: from the first administrator to a doctor who sees her own patients, and no other.

    python examples/a_day_at_the_clinic.py

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.
It may be run again: each run brings a doctor and patients of its own.
"""

import os
import sys
import time
from typing import Any

import requests

CLINIC = os.environ.get("CLINIC", "http://localhost:8000")
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")


class Clinic(requests.Session):
    """Knows the address, waits ten seconds at most, and raises what is refused with the sentence that says why."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, f"{CLINIC}{url}", *args, **{"timeout": 10, **options})
        if answer.headers.get("Content-Type") == "application/problem+json":
            raise requests.HTTPError(answer.json()["detail"], response=answer)
        answer.raise_for_status()
        return answer


def sign_in(email: str, password: str) -> Clinic:
    clinic = Clinic()
    pair = clinic.post("/auth/login", data={"username": email, "password": password}).json()  # a form, not JSON
    clinic.headers["Authorization"] = f"Bearer {pair['access_token']}"
    return clinic


def main() -> None:
    # The first administrator needs no token; once there is one this is refused, and they only sign in.
    requests.post(f"{CLINIC}/auth/register", json={"email": EMAIL, "password": PASSWORD, "role": "ADMIN"}, timeout=10)
    admin = sign_in(EMAIL, PASSWORD)
    print(f"{EMAIL} signs in: an administrator, who sees and changes everything.")

    email = f"ada.{time.time_ns()}@example.org"
    body = {"given_name": "Ada", "family_name": "Lovelace", "specialty": "Cardiology", "email": email}
    doctor = admin.post("/doctors", json=body).json()
    account = {"email": email, "password": "notes on the engine", "role": "DOCTOR", "doctor_id": doctor["id"]}
    admin.post("/auth/register", json=account)
    print(f"Dr. Ada Lovelace is hired, as doctor {doctor['id']} with an account of her own.")

    patients = []
    for given_name, family_name, birth_date in [
        ("José", "Núñez", "1984-02-29"),
        ("Łukasz", "O'Brien", "1990-05-17"),
        ("小明", "王", "2015-11-02"),
    ]:
        body = {"given_name": given_name, "family_name": family_name, "birth_date": birth_date}
        patients.append(admin.post("/patients", json=body).json())
    for patient in patients[:2]:
        admin.post(f"/doctors/{doctor['id']}/patients/{patient['id']}")
    print("Three patients arrive. The first two are assigned to her.")

    ada = sign_in(email, account["password"])
    print("\nAda signs in. She sees her patients:")
    for patient in ada.get("/patients", params={"sort": "family_name"}).json():
        print(f"  {patient['medical_record_number']}  {patient['given_name']} {patient['family_name']}")
    try:
        ada.get(f"/patients/{patients[2]['id']}")
    except requests.HTTPError as refused:
        print(f"She asks for the third: {refused.response.status_code}. {refused}")


if __name__ == "__main__":
    try:
        main()
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
