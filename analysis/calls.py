"""What an analysis asks, and the calls it makes of models: the terms of the pipeline.

`Calls` is the pipeline's whole world: it makes one call, keeps a record of it, and gives back what
an earlier run of the same analysis has already paid for. So a run that was killed is simply run
again, and repeats only what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from analysis.providers import Message

type Stage = Literal["part", "answer", "review", "synthesis", "repair"]

# What a model is assumed to write where no `max_tokens` says otherwise.
OUTPUT_TOKENS = 4_000


@dataclass(frozen=True, slots=True)
class Question:
    prompt: str
    document: str | None  # its pages separated by form feeds
    models: Sequence[str]  # who answers
    synthesizer: str | None = None  # who merges the answers first of all; None: nobody
    is_council: bool = False  # whether the models review each other's answers
    minimum_answers: int = 1
    is_splittable: bool = True  # whether a document too long for a model is read in parts
    output_tokens: int = OUTPUT_TOKENS
    windows: Mapping[str, int | None] = field(default_factory=dict)  # tokens; None: not known
    seed: str = ""  # of the shuffling, so that a run that is repeated shuffles alike


@dataclass(frozen=True, slots=True)
class Call:
    stage: Stage
    model: str
    messages: Sequence[Message]
    part: int = 0


class Calls(Protocol):
    async def make(self, call: Call) -> str | None:
        """Return the model's text; None when the call failed, its reason recorded."""

    def is_overflow(self, call: Call) -> bool:
        """Whether an earlier run has set the call aside."""

    async def set_aside(self, call: Call) -> bool:
        """Keep a call that failed because it was too long, under a stage of its own, so that a
        shorter one can take its place. False when it failed for another reason."""

    async def skip(self, call: Call, code: str, reason: str) -> None:
        """Record that a call will not be made, and why."""

    async def keep_review(self, call: Call, review: Mapping[str, Any]) -> None:
        """Record what a review says, by model."""

    async def keep_text(self, call: Call, text: str) -> None:
        """Record the answer without its structured block."""
