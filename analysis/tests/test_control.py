"""Cancel, retry, rerun, idempotency, cache, and what it costs."""

from decimal import Decimal

import pytest
from django.urls import reverse

from analysis.models import Analysis, AnalysisResult, Budget
from analysis.tests.factories import make_analysis
from documents.tests.factories import make_document

LIST = reverse("analysis-list")
PRICED = "openai:gpt-4.1"  # in the bundled price list, at 2 and 8 USD a million tokens


def test_retry_repeats_only_what_failed(ask, read, run_jobs, peer, do):
    peer.answer = lambda model, text: (401, "bad key") if model == "b" else f"Answer of {model}."
    created = ask(models=["peer:a", "peer:b"]).json()
    run_jobs()
    peer.answer = lambda model, text: f"Answer of {model}."

    response = do("retry", created["id"])
    run_jobs()

    body = read(created["id"])
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    assert (body["status"], sorted(peer.models)) == ("succeeded", ["a", "b", "b"])
    assert [row["attempts"] for row in body["results"]] == [1, 2]


def test_there_is_nothing_to_retry_while_it_runs_or_when_all_is_well(alice, ask, run_jobs, do):
    document = make_document(alice)
    created = ask(document_id=document.pk, models=["builtin:summary"]).json()
    assert do("retry", created["id"]).json()["code"] == "nothing_to_retry"
    run_jobs()
    assert do("retry", created["id"]).status_code == 409


def test_cancel_before_it_runs(alice, ask, read, run_jobs, do):
    created = ask(document_id=make_document(alice).pk, models=["builtin:summary"]).json()

    assert do("cancel", created["id"]).json()["status"] == "cancelled"
    run_jobs()

    body = read(created["id"])
    assert (body["status"], body["results"][0]["status"]) == ("cancelled", "cancelled")
    assert do("cancel", created["id"]).json()["code"] == "nothing_to_cancel"


def test_retry_what_was_cancelled_before_it_ran(ask, read, run_jobs, do):
    created = ask(models=["builtin:summary"], prompt="What is water?").json()
    do("cancel", created["id"])

    assert do("retry", created["id"]).status_code == 202
    run_jobs()
    assert read(created["id"])["results"][0]["attempts"] == 1


def test_rerun_asks_the_same_of_other_models(alice, ask, run_jobs, do):
    document = make_document(alice)
    created = ask(document_id=document.pk, models=["builtin:summary"], prompt="Why?").json()

    response = do("rerun", created["id"], models=["builtin:quotes"], mode="synthesis")

    body = response.json()
    assert response.status_code == 202
    assert body["id"] != created["id"]
    assert (body["prompt"], body["models"], body["synthesizer"]) == (
        "Why?",
        ["builtin:quotes"],
        "builtin:quotes",
    )


def test_the_same_key_and_body_are_one_analysis(alice, ask):
    document = make_document(alice)

    def send(prompt):
        body = {"document_id": document.pk, "models": ["builtin:summary"], "prompt": prompt}
        return ask(headers={"Idempotency-Key": "k-1"}, **body)

    first, again, other = send("Why?"), send("Why?"), send("How?")

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert (again["Idempotency-Replayed"], again["Location"]) == ("true", first["Location"])
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert Analysis.objects.count() == 1


def test_a_key_belongs_to_its_user(alice, bob, client_of):
    headers = {"Idempotency-Key": "k-1"}
    recorded = {"llm_provider": "own", "prompt": "Why?", "response": "Because."}

    for user in (alice, bob):
        response = client_of(user).post(reverse("result-list"), recorded, headers=headers)
        assert response.status_code == 201
    assert AnalysisResult.objects.count() == 2


def test_an_error_does_not_use_up_the_key(alice, ask):
    headers = {"Idempotency-Key": "k-1"}

    assert ask(headers=headers, models=["nobody:x"]).status_code == 400
    document = make_document(alice)
    good = ask(headers=headers, document_id=document.pk, models=["builtin:summary"])
    assert good.status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "two words", "\u00e9"])
def test_a_bad_key_is_400(ask, key):
    response = ask(headers={"Idempotency-Key": key}, models=["builtin:summary"])

    assert (response.status_code, response.json()["code"]) == (400, "bad_idempotency_key")


def test_an_equal_call_is_answered_from_before_at_no_cost(ask, read, run_jobs, peer):
    first = ask(models=["peer:a"]).json()
    run_jobs()
    second = ask(models=["peer:a"]).json()
    fresh = ask(models=["peer:a"], cache=False).json()
    other = ask(models=["peer:a"], parameters={"temperature": 0.5}).json()
    run_jobs()

    rows = [read(a["id"])["results"][0] for a in (first, second, fresh, other)]
    assert [row["cached"] for row in rows] == [False, True, False, False]
    assert (rows[1]["response"], rows[1]["cost_usd"]) == ("Answer of a.", "0.00000000")
    assert peer.models == ["a"] * 3


def test_nobody_gets_an_answer_that_was_given_to_another_user(alice, bob, run_jobs, peer):
    for user in (alice, bob):
        make_analysis(user, models=["peer:a"])
        run_jobs()

    assert peer.models == ["a", "a"]


def test_an_estimate_stores_and_sends_nothing(alice, client_of, openai):
    document = make_document(alice, content="word " * 3_000)
    body = {"document_id": document.pk, "models": [PRICED, "openai:unheard-of"], "prompt": "Why?"}

    response = client_of(alice).post(
        reverse("analysis-estimate"), body | {"parameters": {"max_tokens": 100}}
    )

    estimate = response.json()
    assert response.status_code == 200
    assert estimate["unpriced"] == ["openai:unheard-of"]
    priced, unpriced = estimate["calls"]
    assert (priced["output_tokens"], unpriced["cost_usd"]) == (100, None)
    assert Decimal("0.01") < Decimal(priced["cost_usd"]) < Decimal("0.02")
    assert estimate["cost_usd"] == priced["cost_usd"]
    assert not Analysis.objects.exists()


def test_more_than_max_cost_is_402_with_the_figures(ask, openai):
    response = ask(models=[PRICED], max_cost_usd="0.001")

    assert (response.status_code, response.json()["code"]) == (402, "over_max_cost")
    assert "0.0010" in response.json()["detail"]
    assert not Analysis.objects.exists()


def test_a_limit_on_a_model_without_a_price_cannot_be_kept(ask, openai):
    response = ask(models=["openai:unheard-of"], max_cost_usd="1")

    assert (response.status_code, response.json()["code"]) == (400, "unknown_price")


def test_what_it_cost_is_booked_and_the_rest_is_free_again(ask, read, run_jobs, openai, alice):
    openai.reply("Bearings.")
    created = ask(models=[PRICED]).json()
    reserved = Budget.objects.get().reserved_usd
    run_jobs()

    budget, cost = Budget.objects.get(), Decimal(read(created["id"])["cost_usd"])
    assert reserved > cost > 0
    assert (budget.reserved_usd, budget.spent_usd) == (Decimal(0), cost)


def test_an_unknown_price_is_null_never_zero(ask, read, run_jobs, openai):
    openai.reply("Bearings.")
    created = ask(models=["openai:unheard-of"]).json()
    run_jobs()

    body = read(created["id"])
    assert (body["cost_usd"], body["results"][0]["cost_usd"]) == (None, None)


def test_the_monthly_budget_is_kept(ask, alice, openai):
    alice.monthly_budget_usd = Decimal("0.05")
    alice.save()

    answers = [ask(models=[PRICED]).status_code for _ in range(3)]

    assert answers == [202, 402, 402]
    assert Analysis.objects.count() == 1


def test_cancelling_and_deleting_give_back_what_was_set_aside(ask, client_of, alice, openai, do):
    first, second = ask(models=[PRICED]).json(), ask(models=[PRICED]).json()
    do("cancel", first["id"])
    client_of(alice).delete(reverse("analysis-detail", args=[second["id"]]))

    assert Budget.objects.get().reserved_usd == 0
