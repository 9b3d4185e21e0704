import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.tests.test_staff import member_of
from analysis.figures import counting
from analysis.figures.jobs import count_figures
from analysis.figures.models import UserFigures
from analysis.models import Analysis, AnalysisResult
from analysis.services import record_result
from documents.jobs import count_stored
from documents.stored_types import count_stored_types
from documents.tests.factories import make_document
from ultrai.admin import front_page

FRONT_PAGE = reverse("admin:index")
NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_call(user, model="openai:gpt-5", *, at=NOW, **values):
    """A call that was answered at the end of a second, for a cent."""
    answered = {"response": "Yes.", "latency_ms": 1_000, "cost_usd": "0.01"}
    tokens = {"input_tokens": 1_000, "output_tokens": 10}
    return AnalysisResult.objects.create(
        user=user,
        llm_provider=model.partition(":")[0],
        model=model,
        stage="answer",
        prompt="What?",
        finished_at=at,
        **{"status": "succeeded", **answered, **tokens, **values},
    )


def make_failed_call(user, model="openai:gpt-5", code="rate_limited", **values):
    nothing = dict.fromkeys(["response", "cost_usd", "input_tokens", "output_tokens"])
    return make_call(user, model, status="failed", error_code=code, **nothing, **values)


def make_ended(user, status="succeeded", *, at=NOW):
    return Analysis.objects.create(
        user=user, prompt="What?", model_ids=[], mode="answers", status=status, finished_at=at
    )


def count():
    for _ in counting.steps():
        pass


def panels_of(page):
    """The front page's panels: the text of each row, by the panel's title."""
    sections = re.findall(r'<section class="panel.*?</section>', page.text, re.DOTALL)
    return {
        text_of(re.findall(r"<h2.*?</h2>", section)[0]): [
            tuple(text_of(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row))
            for row in re.findall(r'<tr><th scope="row">.*?</tr>', section)
        ]
        for section in sections
    }


def text_of(element):
    return unescape(re.sub(r"<.*?>", "", element))


def shown(client, period="7d"):
    """The panels as they are now."""
    front_page.kept.clear()
    return panels_of(client.get(FRONT_PAGE, {"period": period}))


def ended(rows):
    """Of the rows by day or hour those with something in them."""
    return [row for row in rows if set(row[1:]) != {"0"}]


def test_calls_are_shown_by_provider_and_by_user(staff, alice, bob):
    make_call(alice)
    make_call(alice, cached=True, latency_ms=0, cost_usd=0, input_tokens=None, output_tokens=None)
    make_failed_call(alice, latency_ms=30_000)
    make_call(bob, "google:gemini", cost_usd=None)
    count()

    panels = shown(staff)

    assert panels["Tokens and cost by provider"] == [
        ("google", "1", "1", "0", "0", "0", "1,000", "10", "0.0000", "1"),
        ("openai", "3", "1", "1", "1", "0", "1,000", "10", "0.0100", "0"),
    ]
    assert panels["Tokens and cost by user"] == [
        ("alice@example.com", "3", "1,000", "10", "0.0100"),
        ("bob@example.com", "1", "1,000", "10", "0.0000"),
    ]


def test_failures_are_counted_by_code_and_lead_to_their_results(staff, alice):
    for model in ("openai:gpt-5", "openai:gpt-5", "google:gemini"):
        make_failed_call(alice, model)
    make_failed_call(alice, code="content_filtered")
    make_call(alice, status="cancelled", response=None)
    count()

    page = staff.get(FRONT_PAGE)

    assert shown(staff)["Failures by code"] == [
        ("rate_limited", "3", "google 1, openai 2"),
        ("content_filtered", "1", "openai 1"),
    ]
    results = reverse("admin:analysis_analysisresult_changelist")
    assert f'<a href="{results}?error_code=rate_limited">' in page.text


def test_latencies_are_right_to_nine_percent_and_are_those_of_answers_given_now(staff, alice):
    for latency in [100] * 19 + [40_000]:
        make_call(alice, latency_ms=latency)
    make_call(alice, latency_ms=0, cached=True)
    make_failed_call(alice, latency_ms=600_000)
    make_call(alice, "builtin:summary", latency_ms=0)
    count()

    builtin, openai = shown(staff)["Latency by provider"]

    assert builtin[:2] == ("builtin", "1")
    assert openai[:2] == ("openai", "20")
    assert float(openai[2]) == pytest.approx(100, rel=0.091)
    assert float(openai[3]) == pytest.approx(100, rel=0.091)
    make_call(alice, latency_ms=40_000)
    count()
    slow = shown(staff)["Latency by provider"][1][3].replace(",", "")
    assert float(slow) == pytest.approx(40_000, rel=0.091)


def test_analyses_are_counted_on_the_day_and_in_the_hour_they_ended(staff, alice):
    for status in ("succeeded", "succeeded", "failed"):
        make_ended(alice, status)
    make_ended(alice, "partial", at=NOW - 3 * DAY)
    make_ended(alice, "cancelled", at=NOW - 40 * DAY)
    count()

    hours = shown(staff, "24h")["Analyses that ended, by hour (UTC)"]
    week = shown(staff)["Analyses that ended, by day (UTC)"]
    quarter = shown(staff, "90d")["Analyses that ended, by day (UTC)"]

    assert (len(hours), len(week), len(quarter)) == (24, 7, 90)
    assert ended(hours) == [(f"{NOW:%d %b %H:00}", "2", "0", "1", "0")]
    today = (f"{NOW:%d %b}", "2", "0", "1", "0")
    assert ended(week) == [(f"{NOW - 3 * DAY:%d %b}", "0", "1", "0", "0"), today]
    assert [row[4] for row in ended(quarter)] == ["1", "0", "0"]


def test_what_clients_recorded_is_no_call_of_the_service(staff, alice):
    record_result(user=alice, document=None, llm_provider="openai", prompt="What?", response="Yes.")
    AnalysisResult.objects.update(finished_at=NOW)
    count()

    assert shown(staff)["Tokens and cost by provider"] == []


def test_a_run_that_was_interrupted_is_gone_on_with(staff, alice):
    for days in (50, 3, 0):
        make_call(alice, at=NOW - days * DAY)
    next(counting.steps())
    assert shown(staff, "90d")["Tokens and cost by user"][0][1] == "1"

    count()

    assert shown(staff, "90d")["Tokens and cost by user"][0][1] == "3"


def test_counting_twice_changes_nothing_and_what_ends_late_is_counted(staff, alice):
    make_call(alice, at=NOW - 2 * DAY)
    make_call(alice, at=NOW - HOUR / 2)
    count()
    before = shown(staff)
    count()
    assert shown(staff) == before

    make_call(alice, at=NOW - HOUR / 2)  # its transaction took that long
    count()

    assert shown(staff)["Tokens and cost by user"][0][1] == "3"


def test_what_is_deleted_stays_counted_but_no_deleted_user_does(staff, alice):
    make_call(alice, at=NOW - 2 * DAY)
    make_ended(alice, at=NOW - 2 * DAY)
    count()
    AnalysisResult.objects.all().delete()
    count()
    assert shown(staff)["Tokens and cost by user"][0][:2] == ("alice@example.com", "1")

    alice.delete()

    assert not UserFigures.objects.exists()
    panels = shown(staff)
    assert panels["Tokens and cost by user"] == []
    assert panels["Tokens and cost by provider"][0][:2] == ("openai", "1")


def test_storage_is_counted_by_type_without_reading_the_rows(staff, alice):
    make_document(alice, content="12345")
    count_stored_types()
    make_document(alice, content="1234567890").delete()
    make_document(alice, filename="a.md", content="1234567890")
    count_stored_types()

    assert [row[:2] + row[3:] for row in shown(staff)["Storage by type"]] == [
        ("md", "1", "10"),
        ("txt", "1", "5"),
    ]


def test_the_worker_counts(staff, alice, run_jobs):
    make_call(alice)
    make_document(alice)
    with transaction.atomic():  # in which no time passes, however slow the page
        count_figures.configure().defer(timestamp=0)
        count_stored.configure().defer(timestamp=0)
        waiting = shown(staff)["Now: queues and worker"]

    run_jobs()

    panels = shown(staff)
    assert ("upkeep", "2", "0", "0", "0") in waiting
    assert panels["Tokens and cost by user"][0][0] == "alice@example.com"
    assert panels["Storage by type"][0][1] == "1"


def test_an_unknown_period_is_a_week_and_is_told(staff):
    page = staff.get(FRONT_PAGE, {"period": "1y"})

    assert re.findall(r'<a href="([^"]*)" aria-current="true">', page.text) == ["?period=7d"]
    assert "The period is one of 24h, 7d, 30d, 90d. These are 7 days." in page.text


def test_each_picture_has_its_figures_in_a_table_and_the_policy_forbids_inline_code(staff, alice):
    make_call(alice)
    make_failed_call(alice)
    make_ended(alice)
    make_document(alice)
    count()
    count_stored_types()

    page = staff.get(FRONT_PAGE)

    sections = re.findall(r'<section class="panel.*?</section>', page.text, re.DOTALL)
    assert len(sections) == 7
    drawn = [section for section in sections if "<canvas" in section]
    assert len(drawn) >= 6
    assert all(section.count("<table>") == 1 for section in drawn)
    assert not re.search(r"<style|<script(?![^>]* src=)| style=| onclick=", page.text)
    assert "unsafe-inline" not in page["Content-Security-Policy"]


def test_staff_see_figures_of_what_they_may_see(alice):
    make_call(alice)
    count()
    support = member_of("Support")
    assert len(shown(support)) == 7
    hidden = ["view_analysis", "view_analysisresult", "view_procrastinatejob", "view_document"]
    permissions = Group.objects.get(name="Support").permissions

    permissions.remove(*Permission.objects.filter(codename="view_user"))
    assert "Tokens and cost by user" not in shown(support)
    permissions.remove(*Permission.objects.filter(codename__in=hidden))
    assert shown(support) == {}


def test_the_front_page_asks_the_same_queries_however_much_there_is(
    staff, alice, bob, django_assert_num_queries
):
    for user in (alice, bob):
        make_call(user)
        make_failed_call(user, "google:gemini", at=NOW - 3 * DAY)
        make_ended(user)
    count()
    staff.get(FRONT_PAGE)

    with django_assert_num_queries(12):
        staff.get(FRONT_PAGE, {"period": "90d"})
    with django_assert_num_queries(3):  # who asks, twice, and what they did
        staff.get(FRONT_PAGE, {"period": "90d"})
