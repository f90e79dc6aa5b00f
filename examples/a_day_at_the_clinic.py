"""A day at the clinic, from the first administrator to a doctor who sees their patients.

    python examples/a_day_at_the_clinic.py [http://localhost:8000]

Needs `requests`, and a server on which nobody is ADMIN yet or this one is (else set ADMIN_EMAIL and ADMIN_PASSWORD).
It can be run again: each run brings a doctor of its own.
"""

import os
import sys
import time

import requests

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")


def sign_in(email: str, password: str) -> requests.Session:
    """A session that sends the access token with every request."""
    answer = requests.post(f"{URL}/auth/login", data={"username": email, "password": password}, timeout=10)
    answer.raise_for_status()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


# The first administrator needs no token. From then on the answer is 401, and this one signs in.
requests.post(f"{URL}/auth/register", json={"email": EMAIL, "password": PASSWORD, "role": "ADMIN"}, timeout=10)
admin = sign_in(EMAIL, PASSWORD)

email = f"ada.{time.time_ns()}@example.org"
body = {"given_name": "Ada", "family_name": "Lovelace", "specialty": "Cardiology", "email": email}
doctor = admin.post(f"{URL}/doctors", json=body)
doctor.raise_for_status()
doctor_id = doctor.json()["id"]

patients = []
for given_name, family_name, birth_date in [
    ("José", "Núñez", "1984-02-29"),
    ("Łukasz", "O'Brien", "1990-05-17"),
    ("小明", "王", "2015-11-02"),
]:
    body = {"given_name": given_name, "family_name": family_name, "birth_date": birth_date}
    answer = admin.post(f"{URL}/patients", json=body)
    answer.raise_for_status()
    patients.append(answer.json())

for patient in patients[:2]:
    admin.post(f"{URL}/doctors/{doctor_id}/patients/{patient['id']}").raise_for_status()

# The doctor's account: tied to the doctor by `doctor_id`.
account = {"email": email, "password": "notes on the engine", "role": "DOCTOR", "doctor_id": doctor_id}
admin.post(f"{URL}/auth/register", json=account).raise_for_status()
ada = sign_in(email, account["password"])

for patient in ada.get(f"{URL}/patients", params={"sort": "family_name"}).json():
    print(patient["medical_record_number"], patient["given_name"], patient["family_name"])

unassigned = ada.get(f"{URL}/patients/{patients[2]['id']}")
print(unassigned.status_code, unassigned.json()["detail"])
