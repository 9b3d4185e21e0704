"""Races for the last cent, and budgets across months: real transactions, real threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from analysis.budgets import this_month
from analysis.models import Analysis, Budget
from analysis.providers import ProviderConfig
from documents.tests.factories import make_document

PRICED = "openai:gpt-4.1"  # one call is estimated at about 0.033 USD
LAST_MONTH = (this_month() - timedelta(days=1)).replace(day=1)


def at_once(*requests):
    """The statuses of these requests, each from its own thread and connection."""
    start = threading.Barrier(len(requests))

    def send(request):
        try:
            start.wait()
            return request().status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(requests)) as pool:
        return sorted(pool.map(send, requests))


@pytest.fixture
def last_cent(transactional_db, alice):
    """Alice's budget holds one call and not two."""
    alice.monthly_budget_usd = Decimal("0.05")
    alice.save()


def cancel_all(do):
    for pk in Analysis.objects.unfinished().values_list("pk", flat=True):
        do("cancel", pk)


def test_of_two_requests_for_the_last_cent_one_is_accepted(last_cent, ask, do, openai):
    outcomes = []
    for _ in range(10):
        outcomes.append(at_once(lambda: ask(models=[PRICED]), lambda: ask(models=[PRICED])))
        cancel_all(do)

    assert outcomes == [[202, 402]] * 10
    assert (Analysis.objects.count(), Budget.objects.get().reserved_usd) == (10, Decimal(0))


def test_of_a_retry_and_a_request_for_the_last_cent_one_is_accepted(last_cent, ask, do, openai):
    failed = ask(models=[PRICED]).json()["id"]
    cancel_all(do)
    outcomes = []
    for _ in range(10):
        outcomes.append(at_once(lambda: do("retry", failed), lambda: ask(models=[PRICED])))
        cancel_all(do)

    assert outcomes == [[202, 402]] * 10
    assert Budget.objects.get().reserved_usd == 0


def test_of_two_retries_at_once_one_is_accepted(transactional_db, ask, do, openai):
    failed = ask(models=[PRICED]).json()["id"]
    outcomes = []
    for _ in range(5):
        cancel_all(do)
        outcomes.append(at_once(lambda: do("retry", failed), lambda: do("retry", failed)))
    reserved = Analysis.objects.get().reserved_usd

    assert outcomes == [[202, 409]] * 5
    assert Budget.objects.get().reserved_usd == reserved > 0


def test_what_was_reserved_last_month_is_settled_there(alice, ask, read, run_jobs, openai):
    openai.reply("Bearings.")
    created = ask(models=[PRICED]).json()
    Analysis.objects.update(reserved_month=LAST_MONTH)
    Budget.objects.update(month=LAST_MONTH)
    Budget.objects.create(user=alice, month=this_month(), reserved_usd=1)  # by another analysis
    run_jobs()

    cost = Decimal(read(created["id"])["cost_usd"])
    budgets = Budget.objects.order_by("month").values_list("month", "reserved_usd", "spent_usd")
    assert cost > 0
    assert list(budgets) == [
        (LAST_MONTH, Decimal(0), cost),
        (this_month(), Decimal(1), Decimal(0)),
    ]


def test_an_analysis_that_goes_with_its_document_frees_its_money_and_keeps_its_cost(
    alice, client_of, ask, openai
):
    document = make_document(alice)
    ask(models=[PRICED, "openai:gpt-4.1-mini"], document_id=document.pk)
    Analysis.objects.get().results.filter(model=PRICED).update(cost_usd=Decimal("0.01"))

    client_of(alice).delete(reverse("document-detail", args=[document.pk]))

    budget = Budget.objects.get()
    assert (budget.reserved_usd, budget.spent_usd) == (Decimal(0), Decimal("0.01"))
    assert not Analysis.objects.exists()


def test_an_estimate_is_answered_as_it_is_stored(ask, read, settings):
    name = "gemini-2.0-flash-lite"  # 0.075 USD a million: odd numbers of tokens have a ninth digit
    settings.LLM_PROVIDERS = {"google": ProviderConfig("google", "google", "x", None, (name,))}

    answered = [ask(models=[f"google:{name}"], prompt="x" * size).json() for size in (3, 6, 9, 12)]

    assert answered == [read(one["id"]) for one in answered]
