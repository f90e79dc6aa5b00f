"""Walk a long list page by page: filter, sort, count, and the same as one CSV file.

    python examples/walk_all_pages.py

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.
So that there is something to walk through, it adds a family of eight, once.
"""

import csv
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import requests

CLINIC = os.environ.get("CLINIC", "http://localhost:8000")
EMAIL = os.environ.get("ADMIN_EMAIL", "admin@example.org")
PASSWORD = os.environ.get("ADMIN_PASSWORD", "correct horse battery staple")
FAMILY = ["Anna", "Bruno", "Clara", "David", "Emma", "Frieda", "Gustav", "Helene"]


class Clinic(requests.Session):
    """Knows the address, waits ten seconds at most, and raises what is refused with the sentence that says why."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        address = url if url.startswith("http") else f"{CLINIC}{url}"
        answer = super().request(method, address, *args, **{"timeout": 10, **options})
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


def pages(clinic: Clinic, path: str, query: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """One page after the other: the Link header has the address of the next, which is complete as it is."""
    answer = clinic.get(path, params=query)
    yield answer.json()
    while "next" in answer.links:
        answer = clinic.get(answer.links["next"]["url"])
        yield answer.json()


def main() -> None:
    clinic = sign_in()
    query = {"q": "pappenheim", "sort": "-birth_date"}
    if not clinic.get("/patients", params=query).json():
        for year, name in enumerate(FAMILY, start=1958):
            body = {"given_name": name, "family_name": "Pappenheim", "birth_date": f"{year}-06-21"}
            clinic.post("/patients", json=body)

    count = clinic.get("/patients", params=query | {"limit": 1, "total": True}).headers["X-Total-Count"]
    print(f"{count} patients are called Pappenheim. Three to a page, the youngest first:")
    for number, page in enumerate(pages(clinic, "/patients", query | {"limit": 3}), start=1):
        print(f"  page {number}: {', '.join(patient['given_name'] for patient in page)}")

    answer = clinic.get("/patients", params=query, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    oldest = f"{rows[-1]['given_name']}, born {rows[-1]['birth_date']}"
    print(f"All of them in one CSV file: {len(rows)} rows, the last of which is {oldest}.")


if __name__ == "__main__":
    try:
        main()
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
