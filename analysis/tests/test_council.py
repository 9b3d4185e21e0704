import json
import re

import pytest

from documents.tests.factories import make_document

MODELS = ["peer:a", "peer:b", "peer:c"]


def letters(text):
    """Which letter has the answer of which model, in what a reviewer or the chairman was sent."""
    return {m[2]: m[1] for m in re.finditer(r"Response ([A-Z]):\nAnswer of (\w)\.", text)}


def review_preferring(order):
    """A review that ranks the models as the test says, under the letters it was sent."""

    def write(text):
        found = letters(text)
        ranking = [found[model] for model in order if model in found]
        notes = {n: {"strengths": f"good {n}", "weaknesses": "none"} for n in ranking}
        return "```json\n" + json.dumps({"notes": notes, "ranking": ranking}) + "\n```"

    return write


def council(reviews, synthesis="Merged."):
    """Answers by model; reviews as told, by reviewer; a synthesis with or without claims."""

    def answer(model, text):
        if "Judge the responses" in text:
            return reviews[model](text) if callable(reviews[model]) else reviews[model]
        if "Merge their responses" in text or "You correct JSON" in text:
            return synthesis
        return f"Answer of {model}."

    return answer


AGREE_ON_B = {m: review_preferring(["b", "a", "c"]) for m in "abc"}


def test_the_models_review_each_other_and_a_chairman_merges(ask, read, run_jobs, peer):
    peer.answer = council(AGREE_ON_B)
    created = ask(models=MODELS, mode="council", synthesizer="peer:c").json()
    run_jobs()

    body = read(created["id"])
    stages = [row["stage"] for row in body["results"]]
    assert body["status"] == "succeeded"
    assert (stages.count("answer"), stages.count("review"), stages.count("synthesis")) == (3, 3, 1)
    assert [row["model"] for row in body["ranking"]] == ["peer:b", "peer:a", "peer:c"]
    assert body["ranking"][0] == {"model": "peer:b", "mean_rank": 1.0, "reviews": 2}


def test_a_reviewer_sees_neither_names_nor_its_own_answer(ask, run_jobs, peer):
    peer.answer = council(AGREE_ON_B)
    ask(models=MODELS, mode="council")
    run_jobs()

    for model in "abc":
        (sent,) = [text for text in peer.texts(model) if "Judge the responses" in text]
        assert set(letters(sent)) == set("abc") - {model}
        assert "peer:" not in sent


def test_the_review_is_stored_by_model_with_the_letters_it_used(ask, read, run_jobs, peer):
    peer.answer = council(AGREE_ON_B)
    created = ask(models=MODELS, mode="council").json()
    run_jobs()

    (row,) = [
        r
        for r in read(created["id"])["results"]
        if (r["stage"], r["model"]) == ("review", "peer:a")
    ]
    assert row["review"]["ranking"] == ["peer:b", "peer:c"]
    assert sorted(row["review"]["labels"].values()) == ["peer:b", "peer:c"]
    assert row["review"]["notes"]["peer:b"]["strengths"].startswith("good ")


def test_the_chairman_gets_question_answers_reviews_and_ranking(ask, run_jobs, peer):
    peer.answer = council(AGREE_ON_B)
    ask(models=MODELS, mode="council", synthesizer="peer:a")
    run_jobs()

    (sent,) = [text for text in peer.texts("a") if "Merge their responses" in text]
    name = letters(sent)
    assert "What do engineers recommend?" in sent
    assert sent.count("Review ") == 3
    assert f"1. Response {name['b']}: mean rank 1.00 of 2 reviews" in sent


@pytest.mark.parametrize(
    "broken",
    [
        "I like them all.",
        '{"ranking": ["A"], "notes": {}}',
        '{"ranking": ["A", "A"], "notes": {}}',
        '{"ranking": ["A", "B", "C"], "notes": {"A": {}, "B": {}, "C": {}}}',
        '{"ranking": ["B", "A"], "notes": {"A": {"strengths": 1}, "B": {}}}',
        "```json\n{broken\n```",
        "[" * 10_000,
    ],
)
def test_a_review_that_cannot_be_read_strictly_does_not_count(ask, read, run_jobs, peer, broken):
    peer.answer = council(AGREE_ON_B | {"a": broken})
    created = ask(models=MODELS, mode="council").json()
    run_jobs()

    body = read(created["id"])
    (row,) = [r for r in body["results"] if (r["stage"], r["model"]) == ("review", "peer:a")]
    assert body["status"] == "succeeded"
    assert list(row["review"]) == ["unusable"]
    assert {entry["model"]: entry["reviews"] for entry in body["ranking"]} == {
        "peer:a": 2,
        "peer:b": 1,
        "peer:c": 1,
    }


def test_built_in_models_answer_and_are_judged_but_judge_nobody(alice, ask, read, run_jobs, peer):
    document = make_document(alice, content="Engineers recommend new bearings.")
    peer.answer = council({"a": "no review", "b": "no review"})
    created = ask(
        document_id=document.pk, models=["peer:a", "builtin:quotes"], mode="council"
    ).json()
    run_jobs()

    reviewers = [r["model"] for r in read(created["id"])["results"] if r["stage"] == "review"]
    assert reviewers == ["peer:a"]


def test_a_claim_by_claim_report_comes_with_the_synthesis(ask, read, run_jobs, peer):
    claims = [{"claim": "Bearings.", "supported_by": ["A", "B"], "contradicted_by": ["C"]}]
    block = json.dumps({"claims": claims})
    peer.answer = council({}, synthesis=f"They agree on bearings.\n```json\n{block}\n```")
    created = ask(models=MODELS, mode="synthesis", synthesizer="peer:a").json()
    run_jobs()

    body = read(created["id"])
    assert body["agreement"] == {
        "method": "by peer:a",
        "claims": [
            {
                "claim": "Bearings.",
                "supported_by": ["peer:a", "peer:b"],
                "contradicted_by": ["peer:c"],
            }
        ],
    }
    assert body["results"][-1]["response"] == "They agree on bearings."


def test_a_report_that_cannot_be_used_gets_one_repair_then_none_is_invented(
    ask, read, run_jobs, peer
):
    peer.answer = council({}, synthesis='Text.\n```json\n{"claims": [{"claim": 1}]}\n```')
    created = ask(models=MODELS, mode="synthesis", synthesizer="peer:a").json()
    run_jobs()

    body = read(created["id"])
    repairs = [row for row in body["results"] if row["stage"] == "repair"]
    assert len(repairs) == 1
    assert body["agreement"]["method"] == "lexical"  # by the words alone, and it says so


def test_answers_alone_get_the_lexical_report(ask, read, run_jobs, peer):
    peer.answer = lambda model, text: (
        "The bearings must be renewed soon."
        + (" The paint is fine as it is." if model == "a" else "")
    )
    created = ask(models=["peer:a", "peer:b"]).json()
    run_jobs()

    agreement = read(created["id"])["agreement"]
    assert agreement["method"] == "lexical"
    assert agreement["claims"][0]["supported_by"] == ["peer:a", "peer:b"]
    assert agreement["claims"][1]["supported_by"] == ["peer:a"]


def test_too_few_answers_are_a_failure_and_are_kept(ask, read, run_jobs, peer):
    peer.answer = lambda model, text: (401, "bad key") if model != "a" else "Answer of a."
    created = ask(models=MODELS, mode="synthesis", minimum_answers=2).json()
    run_jobs()

    body = read(created["id"])
    assert body["status"] == "failed"
    assert body["results"][0]["response"] == "Answer of a."
    assert body["results"][-1]["error_code"] == "not_called"
    assert peer.models.count("a") == 1
