"""Which calls an analysis makes, in which order, and what a failure means. No HTTP, no ORM."""

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis import prompts
from analysis.calls import Call, Calls, Question, Stage
from analysis.parts import Part, parts_of
from analysis.providers import is_extractive
from analysis.structured import Review, Unusable, read_review
from analysis.synthesis import Merger, lexical_agreement
from analysis.tokens import tokens_in

type Outcome = Literal["succeeded", "partial", "failed"]

# A document that a model finds too long is halved until it fits, so often at the most.
MOST_HALVINGS = 5


@dataclass(frozen=True, slots=True)
class Report:
    outcome: Outcome
    ranking: list[dict[str, Any]] | None = None
    agreement: dict[str, Any] | None = None


async def run(question: Question, calls: Calls) -> Report:
    """Make the calls. One model's failure never loses another's answer."""
    texts = await together(answer(question, model, calls) for model in question.models)
    answers = {
        model: text for model, text in zip(question.models, texts, strict=True) if text is not None
    }
    is_enough = len(answers) >= max(1, question.minimum_answers)
    reviews: dict[str, Review] = {}
    ranking: list[dict[str, Any]] | None = None
    if question.is_council and is_enough:
        reviews = await review(question, answers, calls)
        ranking = aggregate(answers, reviews)
    agreement = lexical_agreement(answers) if len(answers) > 1 else None
    is_merged = True
    if question.synthesizer:
        merger = Merger(question, answers, reviews, ranking or [], calls)
        if is_enough:
            is_merged, claims = await merger.run()
            agreement = claims or agreement
        else:
            is_merged = False
            await merger.skip(f"{len(answers)} models answered: too few to merge.")
    if not is_enough:
        return Report("failed")
    is_whole = is_merged and len(answers) == len(question.models)
    return Report("succeeded" if is_whole else "partial", ranking, agreement)


async def together[T](calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of all; if one raises, the others are stopped, and it is raised.

    (`asyncio.gather` would leave the others running, unrecorded and billed.)
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


# Answers


async def answer(question: Question, model: str, calls: Calls) -> str | None:
    """Have a model answer: from the whole document, or from notes on its parts."""
    call = Call("answer", model, prompts.answer_messages(question.prompt, question.document))
    if question.document is None:
        parts = parts_for(question, model)
    else:
        parts = await asyncio.to_thread(parts_for, question, model)  # seconds, for a whole book
    if len(parts) < 2:
        if not calls.is_overflow(call):
            text = await calls.make(call)
            can_split = question.document is not None and question.is_splittable
            if text is not None or not can_split or not await calls.set_aside(call):
                return text
        # Its window is not known, or not what the price list says: the model itself has refused.
        parts = await asyncio.to_thread(halves_of, Part(question.document or "", 1))
    elif not question.is_splittable:
        needed = sum(tokens_in(message.content) for message in call.messages)
        await calls.skip(
            call,
            "context_too_long",
            f"Document and question have about {needed:,} tokens, {model} takes"
            f" {question.windows[model]:,} with its answer. Ask with the strategy `auto`.",
        )
        return None
    notes = await notes_on(question, model, parts, calls)
    read = [note for note in notes if note is not None]
    if len(read) < len(notes):  # an answer that silently leaves out a part is worse than none
        reason = f"{len(notes) - len(read)} of {len(notes)} parts of the document were not read."
        await calls.skip(call, "part_failed", reason)
        return None
    return await calls.make(Call("answer", model, prompts.reduce_messages(question.prompt, read)))


async def notes_on(
    question: Question, model: str, parts: Sequence[Part], calls: Calls
) -> list[str | None]:
    """Return the model's notes on the parts, in order; what is too long for it still is halved.

    Every part has a number of its own, given in rounds, so that a run that is repeated numbers
    them alike.
    """
    pieces = dict(enumerate(parts, 1))
    order, notes = list(pieces), dict[int, str | None]()

    async def note_on(number: int, *, can_halve: bool) -> bool:
        """Return whether the part is too long, and is to be halved."""
        piece = pieces[number]
        messages = prompts.part_messages(question.prompt, piece.text, piece.first_page)
        call = Call("part", model, messages, number)
        if calls.is_overflow(call):
            return True
        notes[number] = await calls.make(call)
        return notes[number] is None and can_halve and await calls.set_aside(call)

    for halvings in range(MOST_HALVINGS + 1):
        can_halve = halvings < MOST_HALVINGS
        asked = [number for number in order if number not in notes]
        overflows = await together(note_on(number, can_halve=can_halve) for number in asked)
        for number in [n for n, is_overflow in zip(asked, overflows, strict=True) if is_overflow]:
            notes.pop(number, None)
            halves = await asyncio.to_thread(halves_of, pieces[number])
            numbers = list(range(len(pieces) + 1, len(pieces) + len(halves) + 1))
            pieces |= dict(zip(numbers, halves, strict=True))
            place = order.index(number)
            order[place : place + 1] = numbers
    return [notes[number] for number in order]


def halves_of(part: Part) -> list[Part]:
    """Return a part in about two: some room is left, or a third one would take what is over."""
    size = tokens_in(part.text) * 3 // 5 + 1
    return [
        Part(half.text, part.first_page + half.first_page - 1) for half in parts_of(part.text, size)
    ]


def parts_for(question: Question, model: str) -> list[Part]:
    """Return the document in as many parts as this model needs: one where it fits."""
    window = question.windows.get(model)
    if question.document is None or window is None:
        return [Part(question.document or "", 1)]
    overhead = tokens_in(question.prompt) + tokens_in(prompts.ANSWER) + question.output_tokens
    return parts_of(question.document, max(500, window - overhead))


# Reviews


async def review(question: Question, answers: dict[str, str], calls: Calls) -> dict[str, Review]:
    """Have each model judge the others' answers, not knowing whose they are.

    Returns the usable reviews by reviewer, their labels exchanged for the models' names.
    """
    reviewers = [model for model in answers if not is_extractive(model)]
    found = await together(
        review_by(question, model, answers, calls) for model in reviewers if len(answers) > 1
    )
    return {model: one for model, one in zip(reviewers, found, strict=False) if one is not None}


async def review_by(
    question: Question, reviewer: str, answers: dict[str, str], calls: Calls
) -> Review | None:
    others = [model for model in answers if model != reviewer]
    random.Random(f"{question.seed}:{reviewer}").shuffle(others)  # noqa: S311  no secret
    names = {prompts.label(number): model for number, model in enumerate(others)}
    labelled = {name: answers[model] for name, model in names.items()}
    call = Call("review", reviewer, prompts.review_messages(question.prompt, labelled))
    text = await calls.make(call)
    if text is None:
        return None
    try:
        read = read_review(text, list(names))
    except Unusable as problem:
        await calls.keep_review(call, {"unusable": str(problem)})
        return None
    by_model = Review(
        {names[name]: note for name, note in read.notes.items()},
        [names[name] for name in read.ranking],
    )
    await calls.keep_review(
        call,
        {
            "labels": names,
            "ranking": by_model.ranking,
            "notes": {
                model: {"strengths": note.strengths, "weaknesses": note.weaknesses}
                for model, note in by_model.notes.items()
            },
        },
    )
    return by_model


def aggregate(answers: Mapping[str, str], reviews: Mapping[str, Review]) -> list[dict[str, Any]]:
    """Return the models by mean rank, best first, with how many reviews ranked each."""
    places = {
        model: [one.ranking.index(model) + 1 for one in reviews.values() if model in one.ranking]
        for model in answers
    }
    ranked = [
        {"model": model, "mean_rank": sum(ranks) / len(ranks), "reviews": len(ranks)}
        for model, ranks in places.items()
        if ranks
    ]
    return sorted(ranked, key=lambda row: row["mean_rank"])


# What it will cost


@dataclass(frozen=True, slots=True)
class PlannedCall:
    stage: Stage
    model: str
    input_tokens: int  # an upper estimate
    output_tokens: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def plan(question: Question) -> list[PlannedCall]:
    """Return the calls a run will make when nothing fails, with upper estimates of their size."""
    out = question.output_tokens
    planned = []
    for model in question.models:
        parts = parts_for(question, model)
        sizes = [tokens_in(part.text) + tokens_in(question.prompt) + 300 for part in parts]
        if len(parts) == 1:
            planned.append(PlannedCall("answer", model, sizes[0], out))
        elif question.is_splittable:
            planned += [PlannedCall("part", model, size, out) for size in sizes]
            material = len(parts) * out + tokens_in(question.prompt) + 300
            planned.append(PlannedCall("answer", model, material, out))
    material = tokens_in(question.prompt) + len(question.models) * out + 500
    if question.is_council and len(question.models) > 1:
        reviewers = [model for model in question.models if not is_extractive(model)]
        planned += [PlannedCall("review", model, material, out) for model in reviewers]
        material += len(reviewers) * out
    if question.synthesizer:
        planned.append(PlannedCall("synthesis", question.synthesizer, material, out))
    return planned
