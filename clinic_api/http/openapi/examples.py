"""What Swagger UI shows first: one clinic's story. Each body succeeds as it is."""

from typing import Any

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
MADE = {"id": 1, "created_at": "2026-01-31T09:30:00Z", "updated_at": "2026-01-31T09:30:00Z", "version": 1}
RECORDS: dict[str, dict[str, Any]] = {
    "DoctorPublic": {**MADE, **DOCTOR, "active": True},
    "PatientPublic": {**MADE, **PATIENT, "medical_record_number": "P-000001", "active": True, "deceased_date": None},
    "UserPublic": {
        **MADE,
        "email": DOCTOR["email"],
        "role": "DOCTOR",
        "full_name": "Dr. Ada Lovelace",
        "doctor_id": 1,
        "is_active": True,
    },
}
"""What is answered, by the name of the model."""
