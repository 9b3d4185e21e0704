"""Connections to the providers: one HTTP client for each event loop, closed when the loop ends."""

import asyncio
import warnings
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
from pydantic_ai.models import Model, create_async_httpx2_client

from analysis.providers.config import ProviderConfig
from analysis.providers.interface import ProviderError

CONNECT_SECONDS = 10
DEFAULT_SECONDS = 120

# Named here, because the SDKs would otherwise take the address from the environment.
_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}


@dataclass
class _LoopClients:
    """What calls in one event loop share. SDK clients hold the HTTP client, so they end with it."""

    http: httpx2.AsyncClient = field(
        # 1,000 connections: calls wait for models, never for a free connection.
        default_factory=lambda: create_async_httpx2_client(
            timeout=httpx2.Timeout(DEFAULT_SECONDS, connect=CONNECT_SECONDS)
        )
    )
    providers: dict[ProviderConfig, Any] = field(default_factory=dict)
    closer: AsyncGenerator[None] | None = None


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()


async def model_for(config: ProviderConfig, name: str) -> Model:
    """Return the model, on the connections of the running event loop."""
    if not config.api_key.isascii() or not config.api_key.isprintable():
        raise ProviderError("authentication", f"The key of {config.name} holds unusual characters.")
    loop = asyncio.get_running_loop()
    clients = _clients.get(loop)
    if clients is None:
        clients = _clients[loop] = _LoopClients()
        clients.closer = _close_with(loop)
        await anext(clients.closer)
        _silence()
    return _model(config, name, clients)


async def _close_with(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None]:
    """Close the loop's clients when the loop ends, without anyone having to remember to.

    asyncio.run and everything like it closes the loop's running async generators before the loop.
    """
    try:
        yield
    finally:
        await _clients.pop(loop).http.aclose()


def _silence() -> None:
    """Pass over the warnings that a setting was left out or a model is old: no one is there to act.

    Once for each loop, not at import, because pytest undoes filters after each test.
    """
    warnings.filterwarnings("ignore", "Sampling parameters .* not supported", UserWarning)
    warnings.filterwarnings("ignore", "The model .* is deprecated", DeprecationWarning)


def _model(config: ProviderConfig, name: str, clients: _LoopClients) -> Model:
    """Build the model; each SDK is imported when the first of its models is asked.

    "openai" means OpenAI's Responses API, the only one that serves all of its models; whoever
    merely speaks OpenAI's language speaks Chat Completions.
    """
    match config.kind:
        case "openai":
            from pydantic_ai.models.openai import OpenAIResponsesModel
            from pydantic_ai.providers.openai import OpenAIProvider

            return OpenAIResponsesModel(name, provider=_provider(OpenAIProvider, config, clients))
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return AnthropicModel(name, provider=_provider(AnthropicProvider, config, clients))
        case "google":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            return GoogleModel(name, provider=_provider(GoogleProvider, config, clients))
        case "openai_compatible":
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.profiles.openai import OpenAIModelProfile
            from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

            def named(**options: Any) -> OpenAICompatibleProvider:
                # `max_tokens` is what all of them know; only some take OpenAI's newer name for it.
                profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
                return OpenAICompatibleProvider(config.name, profile=profile, **options)

            return OpenAIChatModel(name, provider=_provider(named, config, clients))


def _provider(build: Any, config: ProviderConfig, clients: _LoopClients) -> Any:
    """Build the SDK's client once for each loop: it costs far more than a model object."""
    if config not in clients.providers:
        clients.providers[config] = build(
            api_key=config.api_key,
            base_url=config.base_url or _ADDRESSES.get(config.kind),
            http_client=clients.http,
        )
    return clients.providers[config]
