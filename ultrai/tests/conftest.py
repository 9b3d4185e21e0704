import pytest

from accounts.models import Session
from accounts.tokens import make_personal_access_token, start_session
from analysis.tests.factories import make_analysis, make_delivery, make_webhook
from documents.tests.factories import make_document


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
