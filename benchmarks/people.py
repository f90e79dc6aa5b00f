"""Who signs in."""

ADMIN = "admin@example.org"
PASSWORD = "correct-horse-battery-staple"
FEWEST_DOCTORS = 100


def doctor(number: int) -> str:
    return f"doctor{number}@example.org"
