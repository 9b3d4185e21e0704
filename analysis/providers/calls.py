"""One call to one model, wherever it lives."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from analysis.providers import builtin
from analysis.providers.catalogue import UnknownModel, resolve_model
from analysis.providers.interface import Completion, Message, ProviderError


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
    from analysis.providers import remote  # the SDKs: only whoever calls a model pays for them

    return await remote.complete(settings.LLM_PROVIDERS[provider], name, messages, parameters)
