"""What staff and developers do, in a browser: Debian's Chromium against the running service."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.urls import reverse
from playwright.sync_api import expect, sync_playwright

from accounts.tests.test_staff import member_of
from accounts.tokens import start_session
from analysis.figures import counting
from analysis.models import Analysis
from analysis.tests.peers import running_peer
from conftest import PASSWORD
from documents.tests.factories import make_read_document
from ultrai.tests.processes import THROTTLES_OFF, database_url, send, wait_until, web, worker

WORDS = "This model is being serviced; try again tomorrow."


@pytest.fixture(scope="module")
def peer():
    with running_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def provider(peer):
    """The variables of a service that has this peer for its provider."""
    variables = {"BASE_URL": peer.url, "API_KEY": "sk-x", "MODELS": "a"}
    names = {f"PEER_{name}": value for name, value in variables.items()}
    return THROTTLES_OFF | names | {"OPENAI_COMPATIBLE": "peer"}


@pytest.fixture(scope="module")
def service(django_db_setup, provider):
    with web(DATABASE_URL=database_url(), **provider) as url:
        yield url


@pytest.fixture(scope="module")
def chromium(service):
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is not here: on Debian it is the package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # Chromium's sandbox is not for root, as whom CI runs.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, which Django takes for being called by it.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=30_000)  # as patient as `wait_until`
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, service, transactional_db):
    """A page of a new browser, which may say nothing: no error, no dialog, no violated policy."""
    with chromium.new_context(base_url=service, reduced_motion="reduce") as context:
        page, said = context.new_page(), []

        def dismiss(dialog):
            said.append(dialog.message)
            dialog.dismiss()

        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", dismiss)
        yield page
        assert said == []


def assert_accessible(page):
    """Nothing serious for axe-core, in light and, where it is about colours, in dark."""
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        # Colours fade into one another; axe looks at them as they are.
        page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
        results = Axe().run(page, options=rules | {"resultTypes": ["violations"]}).response
        found = [one for one in results["violations"] if one["impact"] in {"serious", "critical"}]
        assert found == [], scheme


def ask_peer(service, user, document):
    """Ask the peer through the API, and wait for the end."""
    token = start_session(user).access_token
    body = {"document_id": document.pk, "models": ["peer:a"], "prompt": "When does water boil?"}
    status, _, _ = send(f"{service}/analyses", body, Authorization=f"Bearer {token}")
    assert status == 202
    wait_until(lambda: Analysis.objects.get().finished_at)


def count():
    """The front page's figures, which the worker counts once a minute."""
    for _ in counting.steps():
        pass


def test_staff_find_a_failed_result_and_have_it_succeed(page, service, provider, peer, alice):
    member_of("Administrators", PASSWORD)
    document = make_read_document(alice, "Water boils at 100 degrees.", page_count=1)
    peer.answer = lambda model, text: (400, WORDS)
    with worker(**provider):
        ask_peer(service, alice, document)
        count()
        page.goto(reverse("admin:index"))
        assert_accessible(page)
        page.get_by_label("Email").fill("Administrators@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("img", name="Failed calls")).to_be_visible()
        assert_accessible(page)

        page.get_by_role("link", name="Analysis results", exact=True).first.click()
        page.locator("#searchbar").fill("alice@example.com")
        page.locator("#searchbar").press("Enter")
        page.locator("#changelist-filter").get_by_role("link", name="failed", exact=True).click()
        expect(page.locator("#changelist-filter .selected")).to_contain_text(["failed"])
        assert_accessible(page)
        page.locator("#result_list").get_by_role("link", name="Analysis").click()

        expect(page.locator(".provider-error")).to_contain_text(WORDS)
        assert_accessible(page)
        peer.answer = lambda model, text: "It boils **at 100 degrees**."
        page.get_by_label("Action").select_option("retry")
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("heading", name="Are you sure?")).to_be_visible()
        assert_accessible(page)
        page.get_by_role("button", name="Yes").click()
        expect(page.locator(".messagelist")).to_have_text("Queued again: 1.")
        wait_until(lambda: Analysis.objects.get().status == "succeeded")
        page.reload()
        expect(page.locator(".prose strong")).to_have_text("at 100 degrees")


def test_the_docs_page_lets_one_log_in_and_try(page, alice):
    page.goto(reverse("docs"))
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_role("textbox").first.fill(start_session(alice).access_token)
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").last.click()

    operation = page.locator("#operations-accounts-get_me")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    answer = operation.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text(alice.email)


def test_markup_does_nothing_in_the_browser(page, service, hostile):
    count()
    session = member_of("Administrators").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": service}])

    for address in [
        reverse("admin:index"),
        reverse("admin:documents_document_content", args=[hostile["documents_document"]]),
        *(reverse(f"admin:{name}_changelist") for name in hostile),
        *(
            reverse(f"admin:{name}_change", args=[pk])
            for name, pk in hostile.items()
            if name != "accounts_user"  # has it in a field, not in its text
        ),
    ]:
        page.goto(address)
        expect(page.locator("#content")).to_contain_text("<script>alert(1)")
