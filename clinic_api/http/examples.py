"""What Swagger UI shows first: one clinic's story, and a sentence for each error. Each body succeeds as it is."""

from typing import Any

from clinic_api.http.problems import kind_of

PASSWORD = "correct horse battery staple"
DOCTOR = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "specialty": "Cardiology",
    "email": "ada.lovelace@example.org",
    "license_number": "MD-48213",
    "phone": "+49 30 1234567",
}
PATIENT = {
    "given_name": "María José",
    "family_name": "Núñez",
    "birth_date": "1984-02-29",
    "gender": "female",
    "phone": "+49 30 2345678",
    "email": "nunez@example.org",
    "address": "12 Harbour Street\nBerlin",
}
BODIES: dict[str, dict[str, dict[str, Any]]] = {
    "register_user": {
        "The first administrator": {
            "email": "admin@example.org",
            "password": PASSWORD,
            "role": "ADMIN",
            "full_name": "Grace Hopper",
        },
        "A doctor's account, by an administrator": {
            "email": DOCTOR["email"],
            "password": PASSWORD,
            "role": "DOCTOR",
            "full_name": "Dr. Ada Lovelace",
            "doctor_id": 1,
        },
    },
    "login": {"The administrator": {"username": "admin@example.org", "password": PASSWORD}},
    "refresh": {"The token that login gave": {"refresh_token": "put the refresh_token here"}},
    "change_password": {
        "Another one": {"current_password": PASSWORD, "new_password": "battery staple correct horse"},
    },
    "update_user": {"Out at once": {"is_active": False}, "In again": {"is_active": True}},
    "set_password": {"Another one": {"new_password": "battery staple correct horse"}},
    "open_emergency_access": {
        "By number and birth date": {
            "medical_record_number": "P-000001",
            "birth_date": PATIENT["birth_date"],
            "reason": "Unconscious in the emergency room",
        },
    },
    "create_doctor": {"A doctor": DOCTOR},
    "replace_doctor": {"A doctor": DOCTOR},
    "update_doctor": {"A new phone": {"phone": "+49 30 7654321"}},
    "create_patient": {"A patient": PATIENT},
    "replace_patient": {"A patient": PATIENT},
    "update_patient": {"A new phone, no address": {"phone": "+49 30 8765432", "address": None}},
}
DETAILS = {
    401: "Sign in first: POST /auth/login, or Authorize in /docs.",
    403: "Only an account with the role ADMIN may do this.",
    404: "There is no such patient, or you may not see it. Check the id in the list of patients.",
    406: "This call answers in JSON. Send `Accept: application/json`, or leave Accept out.",
    409: "Another patient has this medical_record_number already. Choose another, or change theirs.",
    412: "This has changed since you read it. Read it again, and send the new ETag, quotes included, as If-Match.",
    413: "The body is too large. Send at most 1 MiB.",
    415: "Send the body as JSON, with Content-Type: application/json.",
    422: "1 field is invalid: birth_date.",
    429: "Too many requests. Try again in 20 seconds.",
    503: "The database does not answer in time. Try again in a moment.",
}


OF_A_FILE = {
    413: "The body is too large. Send at most 200 MiB.",
    415: "Send the file in a form (Content-Type: multipart/form-data), in the field `file`.",
}


def problem_example(status: int, path: str) -> dict[str, Any]:
    details = DETAILS | OF_A_FILE if path == "/patients/import" else DETAILS
    return {**kind_of(status), "detail": details[status], "instance": path, "request_id": "5f2b8c1d9e3a4f60"}
