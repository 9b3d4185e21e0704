import pytest
from django.utils import timezone

from accounts.models import Session
from accounts.tokens import make_personal_access_token, start_session
from analysis.models import Analysis, AnalysisResult
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from documents.models import Document
from documents.tests.factories import make_document

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def owned(alice):
    """Alice's rows, by the beginning of the route's name."""
    document = make_document(alice)
    analysis = make_analysis(
        user=alice, document=document, prompt="What?", models=["builtin:summary"]
    )
    start_session(alice)
    token, _ = make_personal_access_token(user=alice, name="ci", scopes=["read"], expires_at=None)
    delivery = make_delivery(make_webhook(alice))
    return {
        "document": document.pk,
        "analysis": analysis.pk,
        "result": analysis.results.get().pk,
        "session": Session.objects.get().pk,
        "token": token.pk,
        "webhook": (delivery.endpoint_id, delivery.pk),
    }


@pytest.fixture
def result(alice):
    """The one, pending, result of Alice's analysis of a document."""
    document = make_document(alice, content="A long confidential text.")
    analysis = make_analysis(
        user=alice, document=document, prompt="What?", models=["builtin:summary"]
    )
    return analysis.results.get()


@pytest.fixture
def hostile(alice, result):
    """A row of each kind in which every text is markup."""
    alice.username = MARKUP
    alice.save(update_fields=["username"])
    Document.objects.update(filename=MARKUP, content=MARKUP, metadata={"x": MARKUP})
    Analysis.objects.update(
        prompt=MARKUP, ranking=[{"model": MARKUP, "mean_rank": 1, "reviews": 1}]
    )
    quotation = {"text": MARKUP, "verdict": "not_found", "page": None}
    AnalysisResult.objects.update(
        status="succeeded",
        model=MARKUP,
        prompt=MARKUP,
        response=MARKUP,
        comment=MARKUP,
        quotations=[quotation],
        review={"x": MARKUP},
    )
    AnalysisResult.objects.create(
        user=alice,
        analysis=result.analysis,
        document=result.document,
        model=MARKUP,
        llm_provider=MARKUP[:50],
        stage="synthesis",
        prompt=MARKUP,
        status="failed",
        error_code="server_error",
        finished_at=timezone.now(),
        error=MARKUP,
    )
    return {
        "accounts_user": alice.pk,
        "documents_document": result.document_id,
        "analysis_analysis": result.analysis_id,
        "analysis_analysisresult": result.pk,
    }
