"""A day at the clinic in Swagger UI, by clicking alone; real server, real PostgreSQL, Debian's Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect
from sqlalchemy import URL

from tests.browser.docs import WITHIN, Docs, chromium, docs_of
from tests.machines.programs import Program, found, running
from tests.machines.test_nginx import configured
from tests.process import free_port, server, text_of

ADMIN, DOCTOR = "admin@example.org", "ada.lovelace@example.org"
PLAIN = "        location / {\n            proxy_pass http://$api;"
STRIPPED = (
    "        location /clinic/ {\n            rewrite ^/clinic(/.*)$ $1 break;\n            proxy_pass http://$api;"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(browser: Browser, database_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url)}
    with server(cwd=tmp_path_factory.mktemp("server"), **settings) as (address, _):
        yield address


@pytest.fixture
def docs(browser: Browser, address: str) -> Iterator[Docs]:
    with docs_of(browser, address) as docs:
        yield docs


@pytest.fixture
def admin(docs: Docs) -> Docs:
    """The page, in which the first administrator has registered and signed in."""
    assert docs.execute("register_user", "The first administrator")[0] == 201
    docs.sign_in(ADMIN)
    return docs


@pytest.fixture
def behind_nginx(browser: Browser, database_url: URL, tmp_path: Path) -> Iterator[Docs]:
    """Under a path of an address that has others too; nginx takes it away."""
    program, port = found("nginx", "nginx-light"), free_port()
    settings = {"ENV": "test", "TEST_DATABASE_URL": text_of(database_url), "ROOT_PATH": "/clinic"}
    with server(cwd=tmp_path, TRUSTED_PROXIES="127.0.0.1", **settings) as (api, _):
        config = configured(port, [api], tmp_path)
        assert PLAIN in config
        (tmp_path / "nginx.conf").write_text(config.replace(PLAIN, STRIPPED))
        nginx = Program([program, "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"], port, tmp_path / "log")
        with running(nginx), docs_of(browser, f"http://127.0.0.1:{port}/clinic") as docs:
            yield docs


def a_day(docs: Docs) -> None:
    """From the first administrator to a doctor who sees the right patient and no other, as the tour says."""
    assert docs.execute("register_user", "The first administrator")[0] == 201
    docs.sign_in(ADMIN)
    assert docs.execute("create_doctor")[0] == 201
    numbers = [docs.execute("create_patient")[1]["medical_record_number"] for _ in range(2)]
    assert numbers == ["P-000001", "P-000002"]
    assert docs.execute("assign_patient", doctor_id=1, patient_id=2)[0] == 201
    assert docs.execute("register_user", "A doctor's account, by an administrator")[1]["doctor_id"] == 1
    docs.sign_out()
    docs.sign_in(DOCTOR)
    status, seen = docs.execute("list_patients")
    assert (status, [patient["medical_record_number"] for patient in seen]) == (200, ["P-000002"])


def test_a_day_at_the_clinic(docs: Docs) -> None:
    a_day(docs)


def test_a_day_under_a_path_behind_nginx(behind_nginx: Docs) -> None:
    a_day(behind_nginx)
    behind_nginx.open("/redoc")
    expect(behind_nginx.page.get_by_role("heading", name="Create patient")).to_be_visible(timeout=WITHIN)


def test_a_doctor_is_refused_politely(admin: Docs) -> None:
    admin.execute("create_doctor")
    admin.execute("create_patient")
    admin.execute("register_user", "A doctor's account, by an administrator")
    admin.sign_out()
    admin.sign_in(DOCTOR)
    assert admin.execute("create_patient")[0] == 403
    said = admin.call("create_patient").locator(".live-responses-table")
    expect(said).to_contain_text("Only an account with the role ADMIN may do this.")
    status, problem = admin.execute("read_patient", patient_id=1)
    assert (status, problem["detail"]) == (
        404,
        "There is no such patient, or you may not see it. Check the id in the list of patients.",
    )


def test_the_answer_comes_into_sight(admin: Docs) -> None:
    assert admin.execute("create_patient")[0] == 201
    expect(admin.call("create_patient").locator(".live-responses-table h5").first).to_be_in_viewport()


def test_a_list_is_had_as_csv(admin: Docs) -> None:
    admin.execute("create_patient")
    call = admin.call("list_patients")
    call.locator(".responses-wrapper .content-type").first.select_option("text/csv")
    call.locator(".execute").click()
    expect(call.locator(".live-responses-table")).to_contain_text("Download file", timeout=WITHIN)


def test_a_wrong_password_is_explained_in_the_dialog(admin: Docs) -> None:
    admin.sign_out()
    dialog = admin.dialog()
    dialog.locator("#oauth_username").fill(ADMIN)
    dialog.locator("#oauth_password").fill("another")
    dialog.locator(".auth-btn-wrapper .authorize").click()
    expect(dialog.locator(".errors")).to_contain_text(
        "E-mail or password is wrong, or the account is disabled. Check both and try again.", timeout=WITHIN
    )


def test_the_dialog_asks_for_email_and_password_alone(docs: Docs) -> None:
    fields = docs.dialog().locator("input:visible, select:visible")
    assert [field.get_attribute("id") for field in fields.all()] == ["oauth_username", "oauth_password"]


def test_the_token_is_kept_by_the_page_alone(admin: Docs) -> None:
    assert admin.execute("read_me")[0] == 200
    assert admin.stored() == [{}, {}, "", []]
    admin.page.reload()
    assert admin.execute("read_me")[0] == 401


@pytest.mark.parametrize("window", ["docs", "behind_nginx"])
def test_logout_in_the_dialog_ends_the_session(window: str, request: pytest.FixtureRequest) -> None:
    docs: Docs = request.getfixturevalue(window)
    docs.execute("register_user", "The first administrator")
    with docs.page.expect_response("**/auth/login") as login:
        docs.sign_in(ADMIN)
    mine = {"Authorization": f"Bearer {login.value.json()['access_token']}"}
    assert httpx.get(f"{docs.address}/auth/me", headers=mine).status_code == 200
    with docs.page.expect_response("**/auth/logout"):
        docs.sign_out()
    assert httpx.get(f"{docs.address}/auth/me", headers=mine).status_code == 401


def test_an_answer_shows_how_long_it_took(docs: Docs) -> None:
    docs.execute("read_liveness")
    expect(docs.call("read_liveness").locator(".live-responses-table")).to_contain_text(re.compile(r"\d+ ms"))


def test_the_token_is_not_on_the_screen(admin: Docs) -> None:
    admin.execute("create_patient")
    call = admin.call("create_patient")
    expect(call.get_by_text("Bearer")).to_be_hidden(timeout=WITHIN)
    call.get_by_text("As a command").click()
    expect(call.get_by_text("Bearer")).to_be_visible(timeout=WITHIN)


def test_a_documented_error_unfolds(docs: Docs) -> None:
    call = docs.call("create_patient")
    shown = call.get_by_text("Another patient has this medical_record_number already.").first
    expect(shown).to_be_hidden(timeout=WITHIN)
    call.get_by_role("button", name="Conflict").click()
    expect(shown).to_be_visible(timeout=WITHIN)


def test_what_every_answer_carries_is_not_repeated(docs: Docs) -> None:
    call = docs.call("create_patient")
    expect(call.locator(".headers", has_text="Location")).to_be_visible(timeout=WITHIN)
    expect(call.get_by_text("X-Request-ID", exact=True)).to_have_count(0, timeout=WITHIN)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("emergency", {"open_emergency_access", "list_emergency_accesses"}),
        ("POST pass", set()),
        ("put password", {"change_password", "set_password"}),
        ("/DOCTORS restore", {"restore_doctor"}),
    ],
)
def test_the_filter_finds_calls(typed: str, found: set[str], docs: Docs) -> None:
    docs.page.locator(".operation-filter-input").fill(typed)
    expect(docs.page.locator(".opblock")).to_have_count(len(found), timeout=WITHIN)
    ids = [str(call.get_attribute("id")) for call in docs.page.locator(".opblock").all()]
    assert {id.rpartition("-")[2] for id in ids} == found


def in_the_tour(docs: Docs) -> Locator:
    return docs.page.locator(".info").get_by_role("button", name="POST /patients", exact=True)


def expect_it_open(docs: Docs) -> None:
    call = docs.page.locator("#operations-Patients-create_patient")
    expect(call.locator(".execute")).to_be_visible(timeout=WITHIN)
    expect(call.locator(".opblock-summary")).to_be_in_viewport(timeout=WITHIN)


def test_a_click_in_the_tour_opens_the_call(docs: Docs) -> None:
    in_the_tour(docs).click()
    expect_it_open(docs)


def test_a_key_in_the_tour_opens_the_call(docs: Docs) -> None:
    in_the_tour(docs).press("Enter")
    expect_it_open(docs)


def test_the_tour_opens_a_call_that_the_filter_hides(docs: Docs) -> None:
    docs.page.locator(".operation-filter-input").fill("audit")
    expect(docs.page.locator("#operations-Patients-create_patient")).to_have_count(0, timeout=WITHIN)
    in_the_tour(docs).click()
    expect_it_open(docs)


def test_the_tour_opens_a_call_of_a_group_that_is_closed(docs: Docs) -> None:
    docs.page.locator("#operations-tag-Patients").click()
    expect(docs.page.locator("#operations-Patients-create_patient")).to_have_count(0, timeout=WITHIN)
    in_the_tour(docs).click()
    expect_it_open(docs)


def test_only_calls_can_be_clicked_in_the_tour(docs: Docs) -> None:
    names = docs.page.locator(".info").get_by_role("button").all_inner_texts()
    assert names
    assert all(name.startswith(("GET /", "POST /")) for name in names)


def test_a_filter_that_finds_nothing_says_so(docs: Docs) -> None:
    docs.page.locator(".operation-filter-input").fill("no such call")
    expect(docs.page.get_by_text("No call has all these words.")).to_be_visible(timeout=WITHIN)


def test_a_file_is_imported(admin: Docs, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("given_name,birth_date\nJosé,1984-02-29\n")
    admin.call("import_patients").locator("input[type=file]").set_input_files(tmp_path / "patients.csv")
    assert admin.execute("import_patients")[1]["imported"] == 1


def test_all_calls_fit_a_phone(docs: Docs) -> None:
    docs.page.set_viewport_size({"width": 390, "height": 844})
    docs.call("create_patient")
    assert docs.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_redoc_shows_the_same_page(docs: Docs) -> None:
    docs.open("/redoc")
    expect(docs.page).to_have_title("Clinic API reference")
    expect(docs.page.get_by_role("heading", name="Create patient")).to_be_visible(timeout=WITHIN)
