"""One call to one model, wherever it lives."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any

from django.conf import settings

from analysis.providers import builtin
from analysis.providers.catalogue import UnknownModel, resolve_model
from analysis.providers.config import ProviderKind
from analysis.providers.interface import Completion, Message, ProviderError

_SDKS: dict[ProviderKind, str] = {
    "openai": "pydantic_ai.models.openai",
    "openai_compatible": "pydantic_ai.models.openai",
    "anthropic": "pydantic_ai.models.anthropic",
    "google": "pydantic_ai.models.google",
}
_loaded: set[ProviderKind] = set()
_importing = threading.Lock()  # two imports at once may see each other's modules half made


async def complete(
    model: str, messages: Sequence[Message], parameters: Mapping[str, Any]
) -> Completion:
    """Ask `model` ("provider:name") once and return its complete answer; never retries.

    `parameters` may hold temperature, top_p, max_tokens, seed and timeout (seconds, 120 unless
    given). A setting that a model has no notion of is left out. Raises ProviderError when there is
    no answer, whatever the reason.
    """
    try:
        provider, _, name = resolve_model(model).partition(":")
    except UnknownModel as error:
        raise ProviderError("unknown_model", str(error)) from None
    if provider == builtin.PROVIDER:
        text = await asyncio.to_thread(builtin.answer, name, messages)
        return Completion(
            text=text,
            input_tokens=None,  # no tokenizer is at work, so there are no tokens to count
            output_tokens=None,
            cost_usd=Decimal(0),
            finish_reason="stop",
            resolved_model=f"{provider}:{name}",
        )
    await prepare(f"{provider}:{name}")
    from analysis.providers import remote  # the SDKs: only whoever calls a model pays for them

    return await remote.complete(settings.LLM_PROVIDERS[provider], name, messages, parameters)


async def prepare(model: str) -> None:
    """Import what the model's provider is spoken to with, before calls to it are paced.

    That takes seconds, in which the event loop goes on: calls that are being connected would run
    into their time limits.
    """
    config = settings.LLM_PROVIDERS.get(model.partition(":")[0])
    if config is not None and config.kind not in _loaded:
        await asyncio.to_thread(_import_sdk, config.kind)
        _loaded.add(config.kind)


def _import_sdk(kind: ProviderKind) -> None:
    with _importing:
        import_module("analysis.providers.remote")
        import_module(_SDKS[kind])
