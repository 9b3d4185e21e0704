import pytest
from django.test import Client

from accounts.models import User
from analysis.tests.factories import make_analysis
from conftest import PASSWORD
from documents.tests.factories import make_document


@pytest.fixture
def staff(db):
    User.objects.create_superuser("root@example.com", "Root", PASSWORD)
    client = Client()
    assert client.login(username="root@example.com", password=PASSWORD)
    return client


@pytest.fixture
def result(alice):
    """The one, pending, result of Alice's analysis of a document."""
    document = make_document(alice, content="A long confidential text.")
    analysis = make_analysis(
        user=alice, document=document, prompt="What?", models=["builtin:summary"]
    )
    return analysis.results.get()
