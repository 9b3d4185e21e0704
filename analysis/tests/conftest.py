import gc
import threading
from ipaddress import ip_network

import pytest
from django.urls import reverse

from analysis.providers import ProviderConfig
from analysis.tests.aimock import running_aimock
from analysis.tests.four_providers import Server, configure
from analysis.tests.peers import running_peer
from analysis.tests.receivers import running_receiver


@pytest.fixture
def peer(settings):
    """The provider `peer` with the models a, b and c, as the test says they answer."""
    with running_peer() as peer:
        settings.LLM_PROVIDERS = peer.provider("a", "b", "c")
        yield peer


@pytest.fixture
def receiver(settings):
    """A receiver of webhooks, in a network they may go to all the same."""
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.1/32")]
    with running_receiver() as receiver:
        yield receiver


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


@pytest.fixture
def do(alice, client_of):
    """POST an action on an analysis."""

    def do(action, pk, **body):
        return client_of(alice).post(reverse(f"analysis-{action}", args=[pk]), body)

    return do


@pytest.fixture
def openai(settings, llmock):
    settings.LLM_PROVIDERS = {
        "openai": ProviderConfig(
            "openai", "openai", "sk-x", llmock.base_url("openai"), ("gpt-4.1",)
        )
    }
    return llmock


@pytest.fixture
def mock(settings, llmock):
    """Speaks all four protocols, faults included."""
    configure(
        settings,
        openai=llmock.base_url("openai"),
        anthropic=llmock.base_url("anthropic"),
        google=llmock.base_url("gemini"),
        mistral=llmock.base_url("mistral"),
    )
    return llmock


@pytest.fixture
def server(settings):
    """Says what llmock cannot say: the providers' documented bodies, and broken replies."""
    with Server() as server:
        address = f"http://127.0.0.1:{server.server_port}"
        configure(settings, openai=address, anthropic=address, google=address, mistral=address)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def one_aimock(tmp_path_factory):
    with running_aimock(tmp_path_factory.mktemp("aimock")) as aimock:
        yield aimock


@pytest.fixture
def aimock(settings, one_aimock):
    """Speaks all four protocols as well, by other authors; skipped where Node.js is missing."""
    one_aimock.reset()
    url = one_aimock.url
    configure(settings, openai=f"{url}/v1", anthropic=url, google=url, mistral=f"{url}/v1")
    return one_aimock


@pytest.fixture(scope="module")
def no_leaks():
    """Whatever was left open is found now, while warnings are errors."""
    yield
    gc.collect()
