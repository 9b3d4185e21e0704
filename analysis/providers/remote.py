"""One call to a model over the network, by way of pydantic-ai. Imported by the worker only."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import httpx2
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, UserPromptPart
from pydantic_ai.settings import ModelSettings

from analysis.providers import prices
from analysis.providers.clients import DEFAULT_SECONDS, model_for
from analysis.providers.config import ProviderConfig
from analysis.providers.failures import explain, explain_reply
from analysis.providers.interface import Completion, Message

# What pydantic-ai stumbles over when a server answers 200 with something of another shape.
_MISSHAPEN = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    AssertionError,
    RecursionError,
    httpx2.HTTPError,
)


async def complete(
    config: ProviderConfig, name: str, messages: Sequence[Message], parameters: Mapping[str, Any]
) -> Completion:
    """Make the call. See `analysis.providers.complete`, which is what others use."""
    model = await model_for(config, name)
    request, settings = _request(messages), _settings(config, parameters)
    try:
        response = await model_request(model, [request], model_settings=settings)
    except (AgentRunError, UserError, *_MISSHAPEN) as error:
        failure = explain(error, config)
    else:
        unusable = explain_reply(response, config)
        if unusable is None:
            return _completion(config, name, response)
        failure = unusable
    raise failure  # outside the handler: what the SDK raised may quote the key, and is not kept


def _request(messages: Sequence[Message]) -> ModelRequest:
    """One system and one user message: some servers refuse two of a kind in a row."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    user = "\n\n".join(_marked(message) for message in messages if message.role == "user")
    parts = [UserPromptPart(user)]
    return ModelRequest(parts=[SystemPromptPart(system), *parts] if system else parts)


def _marked(message: Message) -> str:
    """The document between tags, its pages by number: answers can cite them, and what it says
    cannot pass for a question of the user's."""
    if message.purpose != "document":
        return message.content
    pages = message.content.split("\f")
    text = message.content
    if len(pages) > 1 or message.first_page > 1:
        text = "\n".join(f"[Page {n}]\n{page}" for n, page in enumerate(pages, message.first_page))
    return f"<document>\n{text}\n</document>"


def _settings(config: ProviderConfig, parameters: Mapping[str, Any]) -> ModelSettings:
    seconds = parameters.get("timeout") or DEFAULT_SECONDS
    settings: dict[str, Any] = {
        "timeout": seconds,  # of each wait for the network
        "request_timeout": seconds,  # of the whole call
        "max_retries": 0,  # retries are ours, above this layer
    }
    if config.kind == "openai":
        settings["openai_store"] = False  # or OpenAI keeps documents and answers for 30 days
    for name in ("temperature", "top_p", "max_tokens", "seed"):
        if parameters.get(name) is not None:
            settings[name] = parameters[name]
    return cast("ModelSettings", settings)


def _completion(config: ProviderConfig, name: str, response: ModelResponse) -> Completion:
    usage = response.usage
    is_measured = not usage.unmeasured_requests and bool(usage.input_tokens or usage.output_tokens)
    resolved, details = response.model_name or name, response.provider_details or {}
    return Completion(
        text=response.text or "",
        input_tokens=usage.input_tokens if is_measured else None,
        output_tokens=usage.output_tokens if is_measured else None,
        cost_usd=prices.cost(config, (resolved, name), usage, details) if is_measured else None,
        finish_reason=response.finish_reason or details.get("finish_reason"),
        resolved_model=f"{config.name}:{resolved}",
    )
