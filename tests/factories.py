"""What tests send: valid by default, changed by name."""

from itertools import count
from typing import Any

from fastapi.testclient import TestClient

numbers = count(1)


def doctor_body(**changes: Any) -> dict[str, Any]:
    body = {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "specialty": "Cardiology",
        "email": f"doctor{next(numbers)}@example.org",
    }
    return body | changes


def patient_body(**changes: Any) -> dict[str, Any]:
    return {"given_name": "José", "family_name": "Núñez", "birth_date": "1984-02-29"} | changes


def make_doctor(admin: TestClient, **changes: Any) -> dict[str, Any]:
    return made(admin, "/doctors", doctor_body(**changes))


def make_patient(admin: TestClient, **changes: Any) -> dict[str, Any]:
    return made(admin, "/patients", patient_body(**changes))


def made(admin: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = admin.post(path, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def assign(admin: TestClient, doctor_id: int, patient_id: int) -> None:
    answer = admin.post(f"/doctors/{doctor_id}/patients/{patient_id}")
    assert answer.status_code in (200, 201), answer.text


def password_of(email: str) -> str:
    return f"the long password of {email}"


def register(client: TestClient, email: str, role: str = "DOCTOR", **more: Any) -> dict[str, Any]:
    return made(client, "/auth/register", {"email": email, "password": password_of(email), "role": role, **more})


def log_in(client: TestClient, email: str) -> dict[str, Any]:
    """What a login gives: access and refresh token."""
    answer = client.post("/auth/login", data={"username": email, "password": password_of(email)})
    assert answer.status_code == 200, answer.text
    pair: dict[str, Any] = answer.json()
    return pair


def with_token(client: TestClient, access_token: str) -> TestClient:
    return TestClient(client.app, headers={"Authorization": f"Bearer {access_token}"})


def signed_in(client: TestClient, email: str) -> TestClient:
    """This person, with an access token of their own."""
    return with_token(client, log_in(client, email)["access_token"])
