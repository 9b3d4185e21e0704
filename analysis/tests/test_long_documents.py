from collections import Counter
from decimal import Decimal

import pytest

from analysis.models import Budget
from analysis.parts import parts_of
from analysis.providers import ProviderConfig
from analysis.tokens import tokens_in
from documents.tests.factories import make_document

PAGE = "The quick brown fox jumps over the lazy dog. " * 200
BOOK = "\f".join(f"Page {n} begins. {PAGE}" for n in range(1, 11))


@pytest.fixture
def small(peer, settings):
    """The provider `peer`, whose models take 12,000 tokens."""
    settings.LLM_PROVIDERS = {
        "peer": ProviderConfig("peer", "openai_compatible", "sk-x", peer.url, ("a",), 12_000)
    }
    return peer


def test_a_document_too_long_is_read_in_parts_and_every_part_is_stored(
    alice, ask, read, run_jobs, small
):
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["peer:a"]).json()
    run_jobs()

    body = read(created["id"])
    parts = [row for row in body["results"] if row["stage"] == "part"]
    assert body["status"] == "succeeded"
    assert len(parts) > 2
    assert [row["part"] for row in parts] == list(range(1, len(parts) + 1))
    assert body["coverage"] == {"characters_sent": len(BOOK), "characters_total": len(BOOK)}
    sent = "".join(small.texts("a"))
    assert all(f"Page {n} begins." in sent for n in range(1, 11))
    assert all(f"[Page {n}]" in sent for n in range(1, 11))


def test_the_answer_is_made_from_the_notes_on_all_parts(alice, ask, run_jobs, small):
    small.answer = lambda model, text: "A note." if "one part of it" in text else "The answer."
    document = make_document(alice, content=BOOK)
    ask(document_id=document.pk, models=["peer:a"])
    run_jobs()

    last = small.texts("a")[-1]
    assert last.count("Notes on part ") == len(small.requests) - 1
    assert "lazy dog" not in last


def test_an_answer_that_would_leave_out_a_part_is_none(alice, ask, read, run_jobs, small):
    small.answer = lambda model, text: (400, "no") if "Page 10 begins" in text else "A note."
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["peer:a"]).json()
    run_jobs()

    body = read(created["id"])
    (answer,) = [row for row in body["results"] if row["stage"] == "answer"]
    assert (body["status"], answer["error_code"]) == ("failed", "part_failed")


def test_asked_for_whole_it_is_refused_with_the_figures(alice, ask, read, run_jobs, small):
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["peer:a"], strategy="whole").json()
    run_jobs()

    (row,) = read(created["id"])["results"]
    assert row["error_code"] == "context_too_long"
    assert "12,000" in row["error"]
    assert small.requests == []


def test_a_document_that_fits_is_sent_whole(alice, ask, run_jobs, small):
    document = make_document(alice, content="First page.\fSecond page.")
    ask(document_id=document.pk, models=["peer:a"])
    run_jobs()

    (sent,) = small.texts("a")
    assert "[Page 1]\nFirst page.\n[Page 2]\nSecond page." in sent


@pytest.fixture
def secretive(peer):
    """Nobody knows how much its models take: 30,000 characters."""
    overflow = (400, "This model's maximum context length is 8192 tokens.")
    peer.answer = lambda model, text: overflow if len(text) > 30_000 else "A note."
    return peer


def test_a_document_that_the_model_finds_too_long_is_halved_until_it_fits(
    alice, ask, read, run_jobs, secretive, do
):
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["peer:a"]).json()
    run_jobs()

    body = read(created["id"])
    rows = Counter((row["stage"], row["error_code"]) for row in body["results"])
    assert rows.keys() == {("overflow", "context_too_long"), ("part", ""), ("answer", "")}
    assert rows["overflow", "context_too_long"] > 1  # the whole, and a half at least
    assert "maximum context length is 8192" in body["results"][0]["error"]
    sent = "".join(text for text in secretive.texts("a") if len(text) <= 30_000)
    assert [sent.count(f"Page {n} begins.") for n in range(1, 11)] == [1] * 10
    assert (body["status"], do("retry", created["id"]).status_code) == ("succeeded", 409)


def test_asked_for_whole_the_models_refusal_stands(alice, ask, read, run_jobs, secretive):
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["peer:a"], strategy="whole").json()
    run_jobs()

    (row,) = read(created["id"])["results"]
    assert (row["stage"], row["error_code"]) == ("answer", "context_too_long")
    assert "8192 tokens" in row["error"]
    assert len(secretive.requests) == 1


def test_halving_ends(alice, ask, read, run_jobs, peer):
    peer.answer = lambda model, text: (413, "Request entity too large.")
    document = make_document(alice, content=PAGE)
    created = ask(document_id=document.pk, models=["peer:a"]).json()
    run_jobs()

    body = read(created["id"])
    answer = body["results"][-1]
    assert (body["status"], answer["stage"], answer["error_code"]) == (
        "failed",
        "answer",
        "part_failed",
    )
    assert len(peer.requests) < 150


def test_reading_in_parts_keeps_to_the_budget(alice, ask, read, run_jobs, openai):
    """What was set aside was for one call; the parts and their notes cost more."""
    alice.monthly_budget_usd = Decimal("0.10")
    alice.save()
    openai.fail(413, times=1)
    document = make_document(alice, content=BOOK)
    created = ask(document_id=document.pk, models=["openai:gpt-4.1"], cache=False).json()
    run_jobs()

    rows = read(created["id"])["results"]
    assert "budget_exceeded" in {row["error_code"] for row in rows}
    budget = Budget.objects.get()
    assert (budget.reserved_usd, budget.spent_usd <= Decimal("0.10")) == (Decimal(0), True)


@pytest.mark.parametrize(
    "text", [BOOK, "x" * 50_000, "word " * 20_000, "日本語の文章です。" * 5_000, "a\n\n" * 9_000]
)
def test_parts_are_the_document_and_fit(text):
    parts = parts_of(text, 1_000)

    assert "".join(part.text for part in parts) == text
    assert max(tokens_in(part.text) for part in parts) <= 1_000


def test_parts_begin_at_pages_where_they_can():
    parts = parts_of(BOOK, 6_500)

    assert [part.first_page for part in parts] == [1, 3, 5, 7, 9]
    assert all(part.text.startswith("Page ") for part in parts)
