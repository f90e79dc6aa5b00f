"""The picture of /docs in README.md, made anew: `make picture`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.docs import Docs, chromium
from tests.process import ROOT, server

PICTURE = ROOT / "docs" / "swagger-ui.png"


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        server(cwd=Path(folder), DATA_DIR=f"{folder}/data") as (address, _),
        chromium() as browser,
    ):
        docs = Docs(browser, address)
        docs.execute("register_user", "The first administrator")
        docs.sign_in("admin@example.org")
        docs.call("register_user").locator(".opblock-summary-control").click()
        docs.execute("create_doctor")  # the first is slow: it opens what the next ones find open
        docs.execute("create_patient")
        docs.page.set_viewport_size({"width": 1280, "height": 1600})
        docs.page.mouse.move(0, 0)
        docs.page.evaluate("document.activeElement.blur()")
        docs.call("create_patient").evaluate("call => call.scrollIntoView()")
        PICTURE.write_bytes(docs.page.screenshot())


if __name__ == "__main__":
    main()
