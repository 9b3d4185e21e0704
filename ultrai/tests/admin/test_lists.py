import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.templatetags.admin_list import items_for_result
from django.db import connection
from django.test.utils import override_script_prefix
from django.urls import reverse

from accounts.models import PersonalAccessToken
from analysis.models import AnalysisResult
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from analysis.upkeep import retention
from documents.models import Document
from documents.tests.factories import make_document
from ultrai.tests.admin.test_actions import run
from ultrai.tests.admin.test_pages import OURS

DOCUMENTS = reverse("admin:documents_document_changelist")
ANALYSES = reverse("admin:analysis_analysis_changelist")
RESULTS = reverse("admin:analysis_analysisresult_changelist")
USERS = reverse("admin:accounts_user_changelist")


def ids(response):
    """The ids of the rows that a list shows, in its order."""
    return [int(pk) for pk in re.findall(r'name="_selected_action" value="(\d+)"', response.text)]


@pytest.fixture
def documents(alice):
    """120 documents: three pages, oldest first."""
    return Document.objects.bulk_create(
        Document(user=alice, filename=f"{n}.txt", content="x", size_bytes=1, status="ready")
        for n in range(120)
    )


@pytest.mark.parametrize("name", OURS)
def test_every_list_opens_searches_and_filters(staff, result, name):
    url = reverse(f"admin:{name}_changelist")

    assert staff.get(url).status_code == 200
    assert staff.get(url, {"q": "alice@example.com"}).status_code == 200
    assert staff.get(url, {"q": "two words"}).status_code == 200
    assert staff.get(url, {"older_than": "1"}).status_code == 200
    assert staff.get(url, {"older_than": "x"}).status_code == 302


@pytest.mark.parametrize("name", OURS)
def test_lists_read_neither_content_nor_whole_tables(
    staff, result, name, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12) as captured:
        staff.get(reverse(f"admin:{name}_changelist"))

    sql = "\n".join(query["sql"] for query in captured.captured_queries)
    assert '"content"' not in sql
    assert "document_files" not in sql
    assert not re.search(r'(?<!LEFT\()"analysis_results"."response"', sql)
    assert not re.search(r"COUNT\(|DISTINCT|OFFSET", sql)


@pytest.mark.parametrize("name", [*OURS, "admin_logentry", "procrastinate_procrastinatejob"])
def test_rows_are_those_that_django_would_write(staff, alice, client_of, result, name):
    run(staff, USERS, "force_password_reset", alice)  # a job, and an entry in the log
    client_of(alice)  # has a session
    PersonalAccessToken.objects.create(user=alice, name="mine", scopes=["read"])
    make_delivery(make_webhook(alice))
    retention.begin().finish()

    url = reverse(f"admin:{name}_changelist")
    shown = staff.get(url, {"older_than": "1000000000"}).context["cl"]

    as_django = ["".join(items_for_result(shown, row, None)) for row in shown.result_list]
    assert as_django
    assert list(shown.rows()) == as_django


def test_a_result_leads_to_its_analysis_from_the_list_and_from_its_own_page(staff, result):
    analysis = reverse("admin:analysis_analysis_change", args=[result.analysis_id])
    page = reverse("admin:analysis_analysisresult_change", args=[result.pk])
    link = f'{analysis}#result-{result.pk}">Analysis {result.analysis_id}</a>'
    for prefix, place in (
        ("/", '<a href="'),
        ("/elsewhere/", '<a href="/elsewhere'),
        ("/", '<a href="'),
    ):
        with override_script_prefix(prefix):
            for url in (RESULTS, page):
                assert place + link in staff.get(url).text


def test_pages_lead_to_older_rows_and_back(staff, documents):
    newest_first = [document.pk for document in reversed(documents)]

    first = staff.get(DOCUMENTS)
    second = staff.get(DOCUMENTS + first.context["cl"].older_link)
    last = staff.get(DOCUMENTS + second.context["cl"].older_link)
    back = staff.get(DOCUMENTS + last.context["cl"].newer_link)

    assert ids(first) + ids(second) + ids(last) == newest_first
    assert ids(back) == ids(second)
    assert last.context["cl"].older_link == first.context["cl"].newer_link == ""


@pytest.mark.django_db(transaction=True)
def test_a_list_that_takes_too_long_says_how_to_narrow_it(staff):
    def slow(execute, sql, params, *query):
        if "LIMIT 51" in sql:
            sql, params = "SELECT pg_sleep(20)", None
        return execute(sql, params, *query)

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '0.2s'")
        with connection.execute_wrapper(slow):
            page = staff.get(DOCUMENTS, {"status": "ready"})
        cursor.execute("RESET statement_timeout")

    assert page.status_code == 200
    assert "Narrow it by a date" in page.text
    assert page.context["cl"].count == "not counted"


def test_a_search_keeps_the_filters_but_not_the_page_one_has_leafed_to(staff, documents):
    page = staff.get(DOCUMENTS, {"status": "ready", "older_than": documents[60].pk}).text

    assert re.findall(
        r'<input type="hidden" name="(\w+)" value="(\w+)">', page.split("</form>")[1]
    ) == [("status", "ready")]


def test_a_list_says_how_many_rows_there_are(staff, documents):
    assert staff.get(DOCUMENTS, {"q": documents[0].pk}).context["cl"].count == "1"
    assert staff.get(DOCUMENTS).context["cl"].count.startswith("about ")


def test_search_finds_ids_addresses_and_words_of_the_owners_rows(staff, alice, bob):
    notes, plan = make_document(alice), make_document(alice, filename="Plan 2026.txt")
    make_document(bob, filename="plan.txt")

    def found(query):
        return ids(staff.get(DOCUMENTS, {"q": query}))

    assert found(str(notes.pk)) == [notes.pk]
    assert found("ALICE@") == [plan.pk, notes.pk]
    assert found("alice@ plan") == [plan.pk]
    assert found("nobody@") == found("alice") == []


def test_documents_are_found_by_the_words_of_their_text(staff, alice):
    kettle = make_document(alice, content="The kettle boils.")
    make_document(alice, content="A fence.")

    assert ids(staff.get(DOCUMENTS, {"q": "kettles"})) == [kettle.pk]


def test_users_are_found_by_the_beginning_of_their_address(staff, alice, bob):
    assert ids(staff.get(USERS, {"q": "alice@"})) == [alice.pk]


def test_drilling_down_finds_the_rows_of_a_year_a_month_and_a_day(staff, documents):
    day = datetime(2025, 5, 1, tzinfo=UTC)
    for n, document in enumerate(documents):
        document.created_at = day + timedelta(hours=8 * n)
    Document.objects.bulk_update(documents, ["created_at"])

    assert ids(staff.get(DOCUMENTS, {"date": "2025-05-03"})) == [d.pk for d in documents[8:5:-1]]
    assert len(ids(staff.get(DOCUMENTS, {"date": "2025-05"}))) == 50
    assert len(ids(staff.get(DOCUMENTS, {"date": "2025"}))) == 50
    assert ids(staff.get(DOCUMENTS, {"date": "2024"})) == []
    assert staff.get(DOCUMENTS, {"date": "May"}).status_code == 302


RESULT = {"status": "succeeded", "response": "Yes.", "llm_provider": "openai", "stage": "answer"}


@pytest.mark.parametrize(
    ("query", "wanted", "other"),
    [
        (
            {"status": "failed"},
            {"status": "failed", "error_code": "timeout", "response": None},
            {},
        ),
        (
            {"error_code": "timeout"},
            {"status": "failed", "error_code": "timeout", "response": None},
            {"status": "failed", "error_code": "overloaded", "response": None},
        ),
        ({"stage": "review"}, {"stage": "review"}, {}),
        ({"provider": "google"}, {"llm_provider": "google"}, {}),
        ({"provider": "openai", "model": "openai:b"}, {"model": "openai:b"}, {}),
        ({"q": "openai:b"}, {"model": "openai:b"}, {}),
        (
            {"quotations": "some not found"},
            {"quotations_total": 2, "quotations_held": 1},
            {"quotations_total": 2, "quotations_held": 2},
        ),
        ({"cost": "1 USD or more"}, {"cost_usd": 1}, {"cost_usd": 0.9}),
    ],
)
def test_results_are_filtered(staff, alice, query, wanted, other):
    defaults = RESULT | {"user": alice, "model": "openai:a", "cost_usd": 0.5}
    found = AnalysisResult.objects.create(**defaults | wanted)
    AnalysisResult.objects.create(**defaults | other)

    assert ids(staff.get(RESULTS, query)) == [found.pk]


def test_choices_are_the_values_there_are(staff, alice):
    for model in ("openai:b", "openai:a", "google:c"):
        provider = model.partition(":")[0]
        AnalysisResult.objects.create(
            **RESULT | {"user": alice, "model": model, "llm_provider": provider}
        )

    page = staff.get(RESULTS, {"provider": "openai"})

    choices = {s.title: [c[0] for c in s.lookup_choices] for s in page.context["cl"].filter_specs}
    assert choices["provider"] == ["google", "openai"]
    assert choices["model"] == ["openai:a", "openai:b"]


def test_analyses_are_filtered_by_status(staff, alice):
    queued, cancelled = make_analysis(alice), make_analysis(alice)
    cancelled.cancel()

    assert ids(staff.get(ANALYSES, {"status": "queued"})) == [queued.pk]
    assert ids(staff.get(ANALYSES, {"status": "cancelled"})) == [cancelled.pk]
    assert ids(staff.get(RESULTS, {"status": "pending"})) == [queued.results.get().pk]
    assert ids(staff.get(RESULTS, {"status": "cancelled"})) == [cancelled.results.get().pk]
    assert staff.get(ANALYSES, {"status": "lost"}).status_code == 302


def test_an_unknown_choice_is_no_error(staff, result):
    assert staff.get(RESULTS, {"status": "x"}).status_code == 302
    assert staff.get(RESULTS, {"provider": "x", "model": "y"}).status_code == 200
