import pytest
from django.urls import reverse

from analysis.tests.peers import running_peer


@pytest.fixture
def peer(settings):
    """The provider `peer` with the models a, b and c, as the test says they answer."""
    with running_peer() as peer:
        settings.LLM_PROVIDERS = peer.provider("a", "b", "c")
        yield peer


@pytest.fixture
def ask(alice, client_of):
    """POST /analyses as Alice."""

    def ask(headers=None, **body):
        body = {"prompt": "What do engineers recommend?"} | body
        return client_of(alice).post(reverse("analysis-list"), body, headers=headers)

    return ask


@pytest.fixture
def read(alice, client_of):
    """GET one analysis of Alice's."""
    return lambda pk: client_of(alice).get(reverse("analysis-detail", args=[pk])).json()
