import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from analysis.models import Analysis, AnalysisResult
from analysis.providers import ProviderConfig
from analysis.tests.factories import make_analysis
from documents.models import Document
from documents.tests.factories import make_document, make_pdf

LIST = reverse("analysis-list")
BUILTIN = ["builtin:summary", "builtin:quotes", "builtin:keywords"]
TEXT = (
    "The bridge was built in 1931. It carries 12,000 cars a day. "
    "Engineers recommend new bearings by 2027. The bearings would cost 3 million euros."
)


@pytest.fixture
def ask(alice, client_of):
    def ask(**body):
        return client_of(alice).post(LIST, {"prompt": "What do engineers recommend?"} | body)

    return ask


@pytest.fixture
def read(alice, client_of):
    return lambda pk: client_of(alice).get(reverse("analysis-detail", args=[pk])).json()


@pytest.fixture
def openai(settings, llmock):
    """The provider `openai`, played by llmock over a socket."""
    settings.LLM_PROVIDERS = {
        "openai": ProviderConfig("openai", "openai", "sk-x", llmock.base_url("openai"), ("gpt-5",))
    }
    return llmock


def test_a_request_is_202_with_a_pending_row_for_every_call(alice, ask, read):
    document = make_document(alice, content=TEXT)

    response = ask(document_id=document.pk, models=BUILTIN, mode="synthesis")

    body = response.json()
    assert response.status_code == 202
    assert response["Location"].endswith(f"/analyses/{body['id']}")
    assert (body["status"], body["document_id"]) == ("queued", document.pk)
    assert [(row["stage"], row["model"], row["status"]) for row in body["results"]] == [
        ("answer", "builtin:summary", "pending"),
        ("answer", "builtin:quotes", "pending"),
        ("answer", "builtin:keywords", "pending"),
        ("synthesis", "builtin:summary", "pending"),
    ]
    assert read(body["id"]) == body


def test_every_column_of_what_is_asked_is_stored(alice):
    asked = make_analysis(
        alice,
        make_document(alice, content=TEXT),
        models=BUILTIN,
        mode="council",
        synthesizer=BUILTIN[1],
        strategy="whole",
        minimum_answers=2,
        max_cost_usd=1,
        cache=False,
        parameters={"seed": 7},
    )

    def columns(row):
        return {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}

    stored = Analysis.objects.get()
    assert columns(asked) == columns(stored)
    assert [columns(row) for row in asked.results.all()] == [
        columns(row) for row in stored.results.in_order()
    ]


def test_three_models_answer_and_one_merges_them(alice, ask, read, run_jobs):
    document = make_document(alice, content=TEXT)
    created = ask(document_id=document.pk, models=BUILTIN, mode="synthesis").json()
    run_jobs()

    body = read(created["id"])
    assert body["status"] == "succeeded"
    assert [row["status"] for row in body["results"]] == ["succeeded"] * 4
    assert "Engineers recommend new bearings by 2027." in body["results"][1]["response"]
    assert body["coverage"] == {"characters_sent": len(TEXT), "characters_total": len(TEXT)}
    assert body["document_sha256"] == document.sha256
    assert body["results"][0]["latency_ms"] >= 0
    assert body["results"][0]["cost_usd"] == "0.00000000"


def test_an_uploaded_pdf_is_analysed_once_it_is_read(alice, client_of, ask, read, run_jobs):
    file = SimpleUploadedFile("bridge.pdf", make_pdf("An introduction.", TEXT))
    uploaded = client_of(alice).post(reverse("document-list"), {"file": file}, format="multipart")
    created = ask(document_id=uploaded.json()["id"], models=["builtin:quotes"]).json()
    run_jobs()
    waiting = ProcrastinateJob.objects.get(task_name="analysis.run")  # it gave its place back
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE id = %s", [waiting.pk]
        )
    run_jobs()

    body = read(created["id"])
    assert body["status"] == "succeeded"
    assert "page 2" in body["results"][0]["response"].lower()


def test_the_clients_of_old_name_one_provider(alice, ask, read, run_jobs, openai):
    document = make_document(alice, content=TEXT)
    openai.reply("New bearings.")
    created = ask(document_id=document.pk, llm_provider="openai").json()
    run_jobs()

    (result,) = read(created["id"])["results"]
    assert (result["llm_provider"], result["model"]) == ("openai", "openai:gpt-5")
    assert (result["status"], result["response"]) == ("succeeded", "New bearings.")
    assert result["input_tokens"] > 0
    assert result["output_tokens"] > 0


def test_what_was_sent_is_the_document_the_question_and_the_parameters(
    alice, ask, run_jobs, openai
):
    document = make_document(alice, content=TEXT)
    ask(document_id=document.pk, models=["openai:gpt-4.1"], parameters={"temperature": 0.5})
    run_jobs()

    sent = str(openai.last_request)
    assert TEXT in sent
    assert "What do engineers recommend?" in sent
    assert AnalysisResult.objects.get().parameters == {"temperature": 0.5}


def test_a_prompt_may_stand_alone(ask, read, run_jobs, openai):
    openai.reply("42")
    created = ask(models=["openai"]).json()
    run_jobs()

    body = read(created["id"])
    assert (body["document_id"], body["results"][0]["response"]) == (None, "42")
    assert body["coverage"] == {"characters_sent": None, "characters_total": None}


def test_one_models_failure_does_not_lose_anothers_answer(alice, ask, read, run_jobs, openai):
    document = make_document(alice, content=TEXT)
    openai.fail(401)
    created = ask(document_id=document.pk, models=["openai", "builtin:summary"]).json()
    run_jobs()

    body = read(created["id"])
    failed, succeeded = body["results"]
    assert body["status"] == "partial"
    assert (failed["status"], failed["error_code"], failed["response"]) == (
        "failed",
        "authentication",
        None,
    )
    assert failed["error"]
    assert "sk-x" not in failed["error"]
    assert succeeded["status"] == "succeeded"


def test_without_any_answer_it_failed_and_nothing_is_merged(ask, read, run_jobs):
    # The built-in models need a document and say so.
    created = ask(models=["builtin:summary", "builtin:quotes"], mode="synthesis").json()
    run_jobs()

    body = read(created["id"])
    assert body["status"] == "failed"
    assert [row["error_code"] for row in body["results"]] == [
        "refused_request",
        "refused_request",
        "not_called",
    ]


def test_if_the_synthesizer_fails_the_next_one_takes_over(alice, ask, read, run_jobs, openai):
    document = make_document(alice, content=TEXT)
    openai.fail(401)
    created = ask(
        document_id=document.pk,
        models=["builtin:summary", "builtin:quotes"],
        mode="synthesis",
        synthesizer="openai",
    ).json()
    run_jobs()

    body = read(created["id"])
    assert body["status"] == "succeeded"
    assert [(r["model"], r["status"]) for r in body["results"] if r["stage"] == "synthesis"] == [
        ("openai:gpt-5", "failed"),
        ("builtin:summary", "succeeded"),
    ]


@pytest.mark.parametrize(
    "oddity",
    [
        {"model": "x\x00y"},
        {"model": "\ud800"},
        {"usage": {"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 1}},
        {"choices": [{"index": 0, "finish_reason": "a\x00b", "message": {"content": "x\x00y"}}]},
        {"choices": "nonsense"},
    ],
)
def test_a_strange_reply_costs_nobody_else_their_answer(ask, read, run_jobs, peer, oddity):
    peer.change = lambda model, reply: reply | oddity if model == "a" else reply
    created = ask(models=["peer:a", "peer:b"]).json()
    run_jobs()

    body = read(created["id"])
    assert body["status"] in {"succeeded", "partial"}  # what is odd but usable is kept
    assert body["results"][1]["response"] == "Answer of b."
    assert peer.models.count("b") == 1


def test_quotations_are_looked_up_in_the_document(alice, ask, read, run_jobs, peer):
    document = make_document(alice, content=f"Introduction.\f{TEXT}")
    peer.answer = lambda model, text: (
        "It says \u201cEngineers recommend new bearings by 2027\u201d, and also"
        " \u201cThe bridge was built in 1932 by the army\u201d."
    )
    created = ask(document_id=document.pk, models=["peer:a"]).json()
    run_jobs()

    (result,) = read(created["id"])["results"]
    true, invented = result["quotations"]
    assert (true["verdict"], true["page"]) == ("exact", 2)
    assert (document.content or "")[true["start"] : true["end"]] == true["text"]
    assert (invented["verdict"], invented["page"]) == ("not_found", None)
    assert (result["quotations_held"], result["quotations_total"]) == (1, 2)


def test_an_overloaded_provider_is_asked_again(ask, read, run_jobs, openai):
    openai.fail(503, times=1)
    openai.reply("Second try.")
    created = ask(models=["openai"]).json()
    run_jobs()

    (result,) = read(created["id"])["results"]
    assert (result["status"], result["attempts"]) == ("succeeded", 2)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "models"),
        ({"models": []}, "models"),
        ({"models": ["builtin:summary"], "llm_provider": "builtin:summary"}, "models"),
        ({"models": ["nobody:x"]}, "models"),
        ({"models": ["builtin:nothing"]}, "models"),
        ({"models": ["openai:gpt-5"]}, "models"),  # not configured
        ({"models": ["builtin:summary"] * 21}, "models"),
        ({"llm_provider": "x" * 300}, "llm_provider"),
        ({"models": ["builtin:summary"], "prompt": ""}, "prompt"),
        ({"models": ["builtin:summary"], "document_id": 999_999}, "document_id"),
        ({"models": ["builtin:summary"], "document_id": 10**30}, "document_id"),
        ({"models": ["builtin:summary"], "mode": "magic"}, "mode"),
        ({"models": ["builtin:summary"], "synthesizer": "builtin:summary"}, "synthesizer"),
        ({"models": ["builtin:summary"], "parameters": {"temperature": 3}}, "parameters"),
        ({"models": ["builtin:summary"], "parameters": {"temperature": True}}, "parameters"),
        ({"models": ["builtin:summary"], "parameters": {"tempreature": 1}}, "parameters"),
        ({"models": ["builtin:summary"], "parameters": []}, "parameters"),
        ({"models": ["builtin:summary"], "parameters": "x"}, "parameters"),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(ask, body, field):
    response = ask(**body)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not Analysis.objects.exists()


def test_a_document_that_could_not_be_read_is_409(alice, ask):
    document = make_document(alice)
    Document.objects.update(status="failed", content=None, error_code="no_text", error="A scan.")

    response = ask(document_id=document.pk, models=["builtin:summary"])

    assert response.status_code == 409
    assert response.json()["detail"] == f"Document {document.pk} could not be read: A scan."


def test_a_model_named_twice_is_asked_once(alice, ask):
    document = make_document(alice)

    body = ask(document_id=document.pk, models=["builtin:summary", "builtin:summary"]).json()

    assert body["models"] == ["builtin:summary"]


def test_delete_removes_the_analysis_and_its_results(alice, ask, client_of):
    created = ask(document_id=make_document(alice).pk, models=["builtin:summary"]).json()

    response = client_of(alice).delete(reverse("analysis-detail", args=[created["id"]]))

    assert response.status_code == 204
    assert (Analysis.objects.count(), AnalysisResult.objects.count()) == (0, 0)


def test_a_deleted_document_takes_its_analyses_along(alice, ask, run_jobs):
    document = make_document(alice)
    ask(document_id=document.pk, models=["builtin:summary"])
    document.delete()
    run_jobs()

    assert (Analysis.objects.count(), AnalysisResult.objects.count()) == (0, 0)


def test_list_shows_only_my_analyses_in_two_queries(
    alice, bob, client_of, django_assert_num_queries
):
    def analyse(user):
        return make_analysis(
            user=user, document=None, prompt="What?", models=["builtin:summary"]
        ).pk

    mine = [analyse(alice), analyse(alice)]
    analyse(bob)
    client = client_of(alice)

    with django_assert_num_queries(2):  # the session, the page
        body = client.get(LIST).json()

    assert [row["id"] for row in body["results"]] == mine[::-1]


def test_models_lists_what_can_be_asked_and_no_key(alice, client_of, openai):
    body = client_of(alice).get(reverse("model-list"))

    assert {m["id"]: m["kind"] for m in body.json()["results"]} == {
        **dict.fromkeys(BUILTIN, "extractive"),
        "openai:gpt-5": "generative",
    }
    assert "sk-x" not in body.content.decode()
