"""What models return in a fixed form: read strictly, absent rather than invented."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REVIEW_FORMAT = (
    "Answer with one JSON block and nothing else: ```json\n"
    '{"notes": {"A": {"strengths": "...", "weaknesses": "..."}}, "ranking": ["A"]}\n```'
    " with every response in `notes`, and in `ranking` every response once, the best first."
)
AGREEMENT_FORMAT = (
    "After your text add one JSON block that lists its claims: ```json\n"
    '{"claims": [{"claim": "...", "supported_by": ["A"], "contradicted_by": ["B"]}]}\n```'
    " with the letters of the responses that say so and of those that contradict."
)
_BLOCK = re.compile(r"```(?:json)?\s*\n?(.*?)```", re.DOTALL)
MOST_CLAIMS = 100
LONGEST_NOTE = 4_000


class Unusable(ValueError):
    """The block is not what was asked for; the message says why, for the model to correct."""


@dataclass(frozen=True, slots=True)
class Note:
    strengths: str
    weaknesses: str


@dataclass(frozen=True, slots=True)
class Review:
    notes: Mapping[str, Note]  # by label
    ranking: Sequence[str]  # labels, best first


@dataclass(frozen=True, slots=True)
class Claim:
    claim: str
    supported_by: Sequence[str]
    contradicted_by: Sequence[str]


def split_block(answer: str) -> tuple[str, str | None]:
    """Return the text and the last JSON block of an answer, which may be all of it."""
    blocks = list(_BLOCK.finditer(answer))
    if blocks:
        last = blocks[-1]
        return (answer[: last.start()] + answer[last.end() :]).strip(), last[1]
    if answer.strip().startswith("{"):
        return "", answer
    return answer.strip(), None


def read_review(answer: str, labels: Sequence[str]) -> Review:
    """Raises Unusable unless notes and ranking name exactly these labels."""
    data = _object(split_block(answer)[1])
    notes, ranking = data.get("notes"), data.get("ranking")
    if not isinstance(ranking, list) or sorted(map(str, ranking)) != sorted(labels):
        raise Unusable(f"`ranking` must name each of {', '.join(labels)} once")
    if not isinstance(notes, dict) or set(notes) != set(labels):
        raise Unusable(f"`notes` must have exactly {', '.join(labels)}")
    return Review({name: _note(note) for name, note in notes.items()}, ranking)


def read_claims(block: str | None, labels: Sequence[str]) -> list[Claim]:
    """Raises Unusable unless every claim names some of these labels, and no others."""
    claims = _object(block).get("claims")
    if not isinstance(claims, list) or len(claims) > MOST_CLAIMS:
        raise Unusable(f"`claims` must be a list of at most {MOST_CLAIMS}")
    return [_claim(claim, set(labels)) for claim in claims]


def _object(block: str | None) -> dict[str, Any]:
    if block is None:
        raise Unusable("there is no JSON block")
    try:
        data = json.loads(block)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the JSON block cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise Unusable("the JSON block must be an object")
    return data


def _note(note: Any) -> Note:
    if not isinstance(note, dict):
        raise Unusable("each note must be an object")
    strengths, weaknesses = note.get("strengths"), note.get("weaknesses")
    if not isinstance(strengths, str) or not isinstance(weaknesses, str):
        raise Unusable("each note must have `strengths` and `weaknesses` as text")
    return Note(strengths[:LONGEST_NOTE], weaknesses[:LONGEST_NOTE])


def _claim(claim: Any, labels: set[str]) -> Claim:
    if not isinstance(claim, dict) or not isinstance(claim.get("claim"), str):
        raise Unusable("each claim must be an object with the text `claim`")
    supporters, opponents = claim.get("supported_by"), claim.get("contradicted_by", [])
    for names in (supporters, opponents):
        if not isinstance(names, list) or not all(
            isinstance(n, str) and n in labels for n in names
        ):
            raise Unusable(
                "`supported_by` and `contradicted_by` must be lists of the letters given"
            )
    if not supporters:
        raise Unusable("each claim must be supported by a response")
    if set(supporters) & set(opponents):
        raise Unusable("no response both supports and contradicts a claim")
    return Claim(claim["claim"][:LONGEST_NOTE], supporters, opponents)
