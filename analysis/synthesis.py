"""One text from all answers, and what they agree on: by a model, or by their words alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import prompts
from analysis.calls import Call, Calls, Question
from analysis.providers import is_extractive, lexical_claims
from analysis.structured import Claim, Review, Unusable, read_claims, split_block


@dataclass(frozen=True, slots=True)
class Merger:
    """The synthesis: one text from all answers, and what they agree on."""

    question: Question
    answers: Mapping[str, str]
    reviews: Mapping[str, Review]
    ranking: Sequence[Mapping[str, Any]]
    calls: Calls

    async def run(self) -> tuple[bool, dict[str, Any] | None]:
        """Merge; if a model fails, the next one that answered takes over."""
        assert self.question.synthesizer
        for candidate in dict.fromkeys([self.question.synthesizer, *self.answers]):
            call = self.call(candidate)
            text = await self.calls.make(call)
            if text is not None:
                return True, await self.agreement(call, text)
        return False, None

    async def skip(self, reason: str) -> None:
        assert self.question.synthesizer
        await self.calls.skip(self.call(self.question.synthesizer), "not_called", reason)

    def call(self, model: str) -> Call:
        names = self.labels()
        labelled = {name: self.answers[answerer] for name, answerer in names.items()}
        name_of = {answerer: name for name, answerer in names.items()}
        # The reviewers' own letters differ: here everybody has the letter of their answer.
        reviews = [
            Review(
                {name_of[model]: note for model, note in one.notes.items()},
                [name_of[model] for model in one.ranking],
            )
            for one in self.reviews.values()
        ]
        ranking = [(name_of[r["model"]], r["mean_rank"], r["reviews"]) for r in self.ranking]
        messages = prompts.synthesis_messages(self.question.prompt, labelled, reviews, ranking)
        return Call("synthesis", model, messages)

    def labels(self) -> dict[str, str]:
        return {prompts.label(number): model for number, model in enumerate(self.answers)}

    async def agreement(self, call: Call, text: str) -> dict[str, Any] | None:
        """Read the claims out of the synthesis; one attempt at repair; absent, never invented."""
        if is_extractive(call.model):
            return None
        names = self.labels()
        written, block = split_block(text)
        claims = await self.claims(call, block, text, list(names))
        if block is not None:
            # Last: a run that is killed before this finds the block again, and pays for no repair.
            await self.calls.keep_text(call, written or text)
        return None if claims is None else report(claims, names, f"by {call.model}")

    async def claims(
        self, call: Call, block: str | None, text: str, names: Sequence[str]
    ) -> list[Claim] | None:
        try:
            return read_claims(block, names)
        except Unusable as problem:
            repair = Call(
                "repair", call.model, prompts.repair_messages(block or text, str(problem))
            )
        repaired = await self.calls.make(repair)
        if repaired is None:
            return None
        try:
            return read_claims(split_block(repaired)[1], names)
        except Unusable:
            return None


def lexical_agreement(answers: Mapping[str, str]) -> dict[str, Any]:
    """What the answers share by their words alone; it says so."""
    names = {prompts.label(number): model for number, model in enumerate(answers)}
    claims = [
        Claim(text, supporters, [])
        for text, supporters in lexical_claims(dict(zip(names, answers.values(), strict=True)))
    ]
    return report(claims, names, "lexical")


def report(claims: Sequence[Claim], names: Mapping[str, str], method: str) -> dict[str, Any]:
    return {
        "method": method,
        "claims": [
            {
                "claim": claim.claim,
                "supported_by": [names[name] for name in claim.supported_by],
                "contradicted_by": [names[name] for name in claim.contradicted_by],
            }
            for claim in claims
        ],
    }
