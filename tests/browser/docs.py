"""Swagger UI as a person uses it: opens a call, types, clicks, reads what is shown."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Route, expect, sync_playwright

from tests.machines.programs import found

OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WITHIN = 10_000  # milliseconds
NETWORK_LINE = "Failed to load resource: the server responded with a status of 4"
PASSWORD = "correct horse battery staple"
HERE = "127.0.0.1"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Where there is none the test is skipped, but never in CI."""
    if sys.platform == "win32":
        pytest.skip("The tests in a browser drive Debian's Chromium")
    program = found("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


class Docs:
    """/docs in a window of its own, which reaches this machine alone and notes what goes wrong."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(WITHIN)
        self.page.route("**/*", self.only_from_here)
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.open()

    def only_from_here(self, route: Route) -> None:
        if urlsplit(route.request.url).hostname in (HERE, None):  # none: data and blobs
            route.continue_()
        else:
            self.complaints.append(f"asks for {route.request.url}")
            route.abort()

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(NETWORK_LINE):
            self.complaints.append(message.text)

    def open(self, path: str = "/docs") -> None:
        self.page.goto(f"{self.address}{path}")
        self.page.locator(".opblock, .redoc-wrap").first.wait_for()

    def call(self, name: str) -> Locator:
        """What belongs to the operation with this id, opened."""
        call = self.page.locator(f".opblock[id$='-{name}']")
        if "is-open" not in (call.get_attribute("class") or ""):
            call.locator(".opblock-summary-control").click()
        call.locator(".execute").wait_for()
        return call

    def execute(self, name: str, example: str | None = None, **typed: object) -> tuple[int, Any]:
        """The status and the body that are shown."""
        call = self.call(name)
        if (clear := call.locator(".btn-clear")).is_visible():
            clear.click()
        for parameter, value in typed.items():
            call.locator(f"[data-param-name='{parameter}'] input").fill(str(value))
        if example is not None:
            call.locator(".examples-select-element").first.select_option(example)
        call.locator(".execute").click()
        answer = call.locator(".live-responses-table tbody")
        status = int(answer.locator(".response-col_status").first.inner_text().split()[0])
        body = answer.locator(".microlight").first.inner_text()
        return status, json.loads(body) if body.startswith(("{", "[")) else None

    def dialog(self) -> Locator:
        """Behind the button Authorize."""
        self.page.locator(".scheme-container .authorize").first.click()
        return self.page.locator(".modal-ux")

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        dialog = self.dialog()
        dialog.locator("#oauth_username").fill(email)
        dialog.locator("#oauth_password").fill(password)
        dialog.locator("#oauth_password").press("Enter")
        expect(dialog.get_by_text("Logout", exact=True)).to_be_visible(timeout=WITHIN)
        dialog.locator(".close-modal").click()

    def sign_out(self) -> None:
        dialog = self.dialog()
        dialog.get_by_text("Logout", exact=True).click()
        dialog.locator(".close-modal").click()

    def stored(self) -> Any:
        """What would outlast the page."""
        kept = self.page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")
        return [*kept, self.page.context.cookies()]


@contextmanager
def docs_of(browser: Browser, address: str) -> Iterator[Docs]:
    """A person's window; afterwards nothing may have gone wrong in it."""
    docs = Docs(browser, address)
    yield docs
    docs.page.context.close()
    assert not docs.complaints, docs.complaints
