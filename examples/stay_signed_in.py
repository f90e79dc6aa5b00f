"""Stay signed in for as long as a program runs: renew the tokens before they expire, and log out in the end.

    python examples/stay_signed_in.py

Needs `requests`, and the server that `make run` starts; CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name another one.
The two classes are made to be copied: use `SignedIn` like any `requests.Session`, one in each thread.
"""

import os
import sys
import time
from contextlib import suppress
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


class SignedIn(Clinic):
    """Renews its tokens when a fifth of their time is left, or when they are refused, and logs out in the end."""

    def __init__(self, email: str, password: str) -> None:
        super().__init__()
        self.form = {"username": email, "password": password}
        self.sign_in()

    def __exit__(self, *error: Any) -> None:
        with suppress(requests.RequestException):
            self.post("/auth/logout")
        super().__exit__(*error)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        if time.monotonic() > self.renew_at:
            self.renew()
        try:
            return super().request(method, url, *args, **options)
        except requests.HTTPError as refused:
            if refused.response.status_code != 401:
                raise
        self.renew()
        return super().request(method, url, *args, **options)

    def sign_in(self) -> None:
        self.take(super().request("POST", "/auth/login", data=self.form))  # a form, not JSON

    def renew(self) -> None:
        """A refresh token works once. Where the answer to it was lost, or after 12 hours, the password is needed."""
        try:
            self.take(super().request("POST", "/auth/refresh", json={"refresh_token": self.refresh_token}))
        except requests.HTTPError:
            self.sign_in()

    def take(self, answer: requests.Response) -> None:
        pair = answer.json()
        self.headers["Authorization"] = f"Bearer {pair['access_token']}"
        self.refresh_token = pair["refresh_token"]
        self.renew_at = time.monotonic() + 0.8 * pair["expires_in"]  # seconds


def main() -> None:
    # The first administrator needs no token; once there is one this is refused, and they only sign in.
    requests.post(f"{CLINIC}/auth/register", json={"email": EMAIL, "password": PASSWORD, "role": "ADMIN"}, timeout=10)
    with SignedIn(EMAIL, PASSWORD) as clinic:
        minutes = (clinic.renew_at - time.monotonic()) / 60
        print(
            f"Signed in as {clinic.get('/auth/me').json()['email']}. In {minutes:.0f} minutes the tokens are renewed."
        )

        clinic.renew_at = time.monotonic() - 1
        clinic.get("/auth/me")
        print("Let us say they have passed: the next request brings new tokens first.")

        clinic.headers["Authorization"] = "Bearer no-longer-good"
        clinic.get("/auth/me")
        print("A token that is not taken: it was renewed, and the request sent again.")
        last = clinic.headers["Authorization"]
    print("Logged out.")

    try:
        Clinic().get("/auth/me", headers={"Authorization": last})
    except requests.HTTPError as refused:
        print(f"The last token is worth nothing now: {refused.response.status_code}. {refused}")


if __name__ == "__main__":
    try:
        main()
    except requests.ConnectionError:
        sys.exit(f"No clinic answers at {CLINIC}. Start one with `make run`, or set CLINIC to the address of yours.")
    except requests.RequestException as error:
        sys.exit(f"{error}\n{CLINIC} was asked as {EMAIL}: CLINIC, ADMIN_EMAIL and ADMIN_PASSWORD name others.")
