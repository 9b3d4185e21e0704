"""From what the SDKs raise and what the providers say to our one error taxonomy."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx2
from pydantic_ai import exceptions as sdk
from pydantic_ai.messages import ModelResponse

from analysis.providers.config import ProviderConfig
from analysis.providers.interface import ErrorCode, ProviderError

LONGEST_MESSAGE = 1000
SHORTEST_SECRET = 8  # a shorter key is a placeholder such as "none", and a word in messages

# The first that fits counts, so the special cases come before the general ones.
_CODES: tuple[tuple[type[Exception], ErrorCode], ...] = (
    (sdk.ModelQuotaExceededError, "quota_exceeded"),
    (sdk.ModelRateLimitError, "rate_limited"),
    (sdk.ModelUnavailableError, "overloaded"),
    (sdk.ModelServerError, "server_error"),
    (sdk.ModelContextWindowExceededError, "context_too_long"),
    (sdk.ModelAuthenticationError, "authentication"),
    (sdk.ModelNotFoundError, "unknown_model"),
    (sdk.ModelRequestRejectedError, "refused_request"),
    (sdk.ModelTimeoutError, "timeout"),
    (sdk.ModelRequestTimeout, "timeout"),
    (sdk.ModelConnectionError, "connection"),
    (sdk.ContentFilterError, "content_filter"),
    (sdk.UserError, "refused_request"),
)

# What providers word in their own way and pydantic-ai files under a broader heading.
_TOO_LONG = re.compile(
    r"context (length|window|size|limit)|(prompt|input)( \([^)]*\))? is too long"
    r"|too many (input )?tokens|request too large"  # OpenAI, when one request is over a minute's
    r"|input token count.* exceeds"  # Gemini
    r"|maximum (prompt|input) length"  # xAI
    r"|reduce the length of the (messages|prompt|input)"  # Groq
    r"|tokens.{0,5} \+ .?max_new_tokens",  # Hugging Face
    re.IGNORECASE,
)
_FILTER_CODES = {"content_filter", "content_policy_violation", "invalid_prompt"}
_CUT_OFF = re.compile(r"complete message body|incomplete chunked read|Failed to decode response")
_MASKED_KEY = re.compile(r"\S*\*{3,}\S*")


def explain(error: Exception, config: ProviderConfig) -> ProviderError:
    """Return our error for what the SDK raised."""
    words = _words(getattr(error, "body", None)) or _own_words(error)
    return ProviderError(
        _code(error, words),
        _redact(words, config),
        retry_after=getattr(error, "retry_after", None),
        status=getattr(error, "status_code", None),
    )


def explain_reply(response: ModelResponse, config: ProviderConfig) -> ProviderError | None:
    """Return why the reply is not an answer, or None if it is one."""
    details = response.provider_details or {}
    has_text = bool((response.text or "").strip())
    reasons = ("refusal", "block_reason_message", "block_reason", "finish_reason")
    reason = next((str(details[key]) for key in reasons if details.get(key)), "no reason given")
    code: ErrorCode
    match response.finish_reason:
        case "content_filter":
            code, words = "content_filter", f"The provider withheld the answer: {reason}"
        case "error":
            code, words = "server_error", f"The provider gave up: {reason}"
        case None if config.kind != "openai_compatible" and "finish_reason" not in details:
            # These three always say why they stopped; some compatible servers never do.
            code, words = "truncated", "The reply ended without saying that it ended."
        case "length" if not has_text:
            # Not "truncated": the same request would end, and cost, the same again.
            words = "max_tokens was used up before the model wrote any text; allow more."
            code = "refused_request"
        case _ if not has_text:
            code, words = "server_error", "The model returned no text."
        case _:
            return None
    return ProviderError(code, _redact(words, config))


def _code(error: Exception, words: str) -> ErrorCode:
    status = getattr(error, "status_code", None)
    if getattr(error, "provider_error_code", None) in _FILTER_CODES:
        return "content_filter"
    is_refusal = isinstance(error, sdk.ModelRequestRejectedError | sdk.ModelRateLimitError)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or (is_refusal and _TOO_LONG.search(words)):
        return "context_too_long"
    if status is None and any(_is_cut_off(cause) for cause in _causes(error)):
        return "truncated"
    if getattr(error, "phase", None) in {"pool", "connect"}:
        return "connection"  # nothing was sent, even where the reason was a timeout
    for category, code in _CODES:
        if isinstance(error, category):
            return code
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return "timeout"
    is_ours = status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR
    return "refused_request" if is_ours else "server_error"


def _is_cut_off(error: BaseException) -> bool:
    return isinstance(error, httpx2.DecodingError) or _CUT_OFF.search(str(error)) is not None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _words(body: Any) -> str:
    """The sentence for people in an error body; providers nest it in different places."""
    match body:
        case str():
            return body
        case [first, *_]:
            return _words(first)
        case {"error": {} as inner} | {"message": inner} | {"detail": inner} | {"msg": inner}:
            return _words(inner)
        case {"error": str() as words}:
            return words
    return ""


def _own_words(error: Exception) -> str:
    """What happened, where the provider itself says nothing."""
    if isinstance(error, sdk.ModelHTTPError):
        return f"The provider answered with status {error.status_code} and no explanation."
    if isinstance(error, sdk.ModelConnectionError):  # the SDKs say no more than "Connection error."
        *_, last = _causes(error)
        return str(last) or str(error) or type(last).__name__
    if isinstance(error, sdk.AgentRunError | sdk.UserError):
        return str(error) or type(error).__name__
    return f"The reply is not what this API returns ({type(error).__name__}: {error})."


def _redact(words: str, config: ProviderConfig) -> str:
    """Take out the key, also in the half-masked form in which some providers repeat it."""
    if len(config.api_key) >= SHORTEST_SECRET:
        words = words.replace(config.api_key, "[API key]")
    return _MASKED_KEY.sub("[API key]", " ".join(words.split()))[:LONGEST_MESSAGE]
