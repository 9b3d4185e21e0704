"""What callers hand to a model and get back, whichever company or file the model comes from."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

type Purpose = Literal["instructions", "document", "question", "answer", "review"]

type ErrorCode = Literal[
    "authentication",  # the key is wrong or may not use this model
    "quota_exceeded",  # the account's credit or quota is spent: waiting does not help
    "rate_limited",  # too many requests just now
    "timeout",  # no complete answer within the time allowed; it may have been paid for
    "context_too_long",  # the messages are longer than the model takes
    "content_filter",  # the provider withheld the answer or refused the question
    "refused_request",  # the provider will not serve this request as it stands
    "overloaded",  # the provider or the model is unavailable just now
    "server_error",  # the provider failed, or answered with something that is not an answer
    "truncated",  # the reply broke off or cannot be read to its end
    "connection",  # the provider was not reached, or hung up before it answered
    "circuit_open",  # it failed too often in a row and is left alone for a while
    "over_max_cost",  # not asked: the call could pass the client's limit
    "budget_exceeded",  # not asked: the call could pass the user's monthly budget
    "unknown_model",  # no such provider is configured, or it has no such model
]

RETRIABLE: frozenset[ErrorCode] = frozenset(
    {"rate_limited", "timeout", "overloaded", "server_error", "truncated", "connection"}
)


@dataclass(frozen=True)
class Message:
    """One message to a model.

    `purpose` lets the built-in models find the document, the question and other models' answers;
    remote models are sent `content` only. The content of a "document" is its text and nothing
    else. The content of an "answer" may name its author in a first line that ends with a colon.
    """

    role: Literal["system", "user"]
    content: str
    purpose: Purpose
    first_page: int = 1  # of a "document": its pages are told to the models by number


@dataclass(frozen=True)
class Completion:
    """A model's complete answer. None means that nobody told us, never zero."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    finish_reason: str | None  # "stop", or "length" when the answer was cut at max_tokens
    resolved_model: str  # "provider:name" of what answered, often a dated version

    @property
    def tokens(self) -> int | None:
        """All of them, where both figures are known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be asked. Prices are list prices, those of the lowest tier."""

    id: str
    provider: str
    name: str
    kind: Literal["extractive", "generative"]
    description: str
    context_window: int | None
    input_usd_per_million: Decimal | None
    output_usd_per_million: Decimal | None


class ProviderError(Exception):
    """The model gave no answer. `message` has the provider's own words, without any API key."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.retry_after = retry_after  # seconds, when the provider named a time
        self.status = status  # the HTTP status, when there was one

    @property
    def is_retriable(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.code in RETRIABLE
