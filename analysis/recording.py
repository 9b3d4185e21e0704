"""The pipeline's calls, each with its row: what it has is reused, what happens is written."""

import asyncio
import hashlib
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from django.db import DataError

from analysis import money, outcomes
from analysis.budgets import BudgetExceeded
from analysis.calls import OUTPUT_TOKENS, Call
from analysis.leases import LeaseLost
from analysis.limits import LONGEST_HOLD_SECONDS, gate
from analysis.models import LEASE, Analysis, AnalysisResult
from analysis.pipeline import PlannedCall
from analysis.providers import Message, ProviderError, complete, is_extractive, prepare
from analysis.tokens import tokens_in
from ultrai.exceptions import DATABASE_ERRORS
from ultrai.jobs import in_database

if TYPE_CHECKING:
    from analysis.quotations import Source

logger = logging.getLogger(__name__)

# A server that fails is asked again after 1, 2 s, or when it says.
MAX_REQUESTS = 3
# One that says when to come again is not failing: it is come back to more often.
MAX_LIMITED_REQUESTS = 6
# The stages whose quotations are looked up in the document.
VERIFIED = {"part", "answer", "synthesis"}


class RecordedCalls:
    def __init__(self, analysis: Analysis, source: "Source | None") -> None:
        assert analysis.lease
        self.analysis = analysis
        self.lease = analysis.lease
        self.source = source
        self.rows: dict[tuple[str, str, int], AnalysisResult] = {}
        self.spent = Decimal(0)
        self.committed = Decimal(0)  # what calls in flight may cost
        self.in_turn = asyncio.Lock()  # parts get their rows in order
        self.reserving = asyncio.Lock()

    def load(self) -> None:
        """Read what earlier runs have done; requests they left open may have been billed."""
        self.analysis.results.all().note_interrupted()
        self.rows = {(row.stage, row.model, row.part): row for row in self.analysis.results.all()}
        self.spent = sum((row.cost_usd or Decimal(0) for row in self.rows.values()), Decimal(0))

    @property
    def has_answer(self) -> bool:
        return any(row.stage == "answer" and row.response for row in self.rows.values())

    def fail_open(self, code: str, message: str) -> None:
        for row in self.analysis.results.open():
            row.fail(self.lease, code, message)

    async def make(self, call: Call) -> str | None:
        row = await self._row(call)
        if row.status == AnalysisResult.Status.SUCCEEDED:
            return row.response
        if row.status == AnalysisResult.Status.FAILED:
            return None
        key = self._cache_key(call)
        # Written along with what happens to the call: each write is paid a thousand times.
        about = {"sent": sent_text(call.messages), "cache_key": key}
        if text := await self._cached(row, key, about):
            return text
        return await self._ask(call, row, about)

    async def _ask(self, call: Call, row: AnalysisResult, about: Mapping[str, Any]) -> str | None:
        planned = self._planned(call)
        await prepare(call.model)
        for request in count(1):
            started = time.monotonic()
            try:
                async with self._within_cost(planned):
                    async with gate(call.model, planned.tokens) as passage:
                        if not await in_database(row.start, self.lease, **about):
                            raise LeaseLost
                        started = time.monotonic()
                        completion = await complete(
                            call.model, call.messages, self.analysis.parameters
                        )
                        passage.used = completion.tokens
                    self.spent += completion.cost_usd or 0
            except (LeaseLost, *DATABASE_ERRORS):
                raise
            except Exception as unexpected:  # noqa: BLE001  see `understood`
                error = understood(unexpected)
                if is_worth_another(error, request):
                    await asyncio.sleep(pause(request, error.retry_after))
                    continue
                latency = milliseconds_since(started)
                await surely(outcomes.fail, row, self.lease, error.code, error.message, latency)
                return None
            latency = milliseconds_since(started)
            try:
                is_kept = await surely(outcomes.succeed, row, self.lease, completion, latency)
            except DataError as unstorable:  # a figure no table holds
                reason = f"The provider's answer could not be stored: {unstorable}"
                await surely(outcomes.fail, row, self.lease, "server_error", reason, latency)
                return None
            if not is_kept:
                raise LeaseLost
            if self.analysis.runs > 1:
                await in_database(self.analysis.note_progress)
            await self._verify(call, row, completion.text)
            return completion.text
        raise AssertionError("the last request returns")

    def is_overflow(self, call: Call) -> bool:
        return ("overflow", call.model, call.part) in self.rows

    async def set_aside(self, call: Call) -> bool:
        row = await self._row(call)
        await in_database(row.refresh_from_db, fields=["status", "error_code"])
        if row.error_code != "context_too_long":
            return False
        row.stage = AnalysisResult.Stage.OVERFLOW
        await in_database(row.note, self.lease, stage=row.stage)
        self.rows["overflow", call.model, call.part] = self.rows.pop(
            (call.stage, call.model, call.part)
        )
        return True

    async def skip(self, call: Call, code: str, reason: str) -> None:
        row = await self._row(call)
        await in_database(row.fail, self.lease, code, reason)

    async def keep_review(self, call: Call, review: Mapping[str, Any]) -> None:
        row = await self._row(call)
        await in_database(row.note, self.lease, review=review)

    async def keep_text(self, call: Call, text: str) -> None:
        row = await self._row(call)
        await in_database(row.note, self.lease, response=text)

    async def _row(self, call: Call) -> AnalysisResult:
        """Return the call's row; a call that was not planned (another synthesizer) gets one."""
        key = (call.stage, call.model, call.part)
        async with self.in_turn:
            if key not in self.rows:
                row = self.analysis.new_result(call.stage, call.model, call.part)
                await in_database(row.save)
                self.rows[key] = row
        return self.rows[key]

    def _planned(self, call: Call) -> PlannedCall:
        size = sum(tokens_in(message.content) for message in call.messages)
        out = self.analysis.parameters.get("max_tokens") or OUTPUT_TOKENS
        return PlannedCall(call.stage, call.model, size, out)

    @asynccontextmanager
    async def _within_cost(self, planned: PlannedCall) -> AsyncIterator[None]:
        """Set aside what this call may cost, where it was not planned. Raises ProviderError when,
        with those in flight, it could pass the client's `max_cost_usd` or the user's budget."""
        limit, cost = self.analysis.max_cost_usd, money.price(planned)
        expected = self.spent + self.committed + (cost or 0)
        if limit is not None and (cost is None or expected > limit):
            raise ProviderError(
                "over_max_cost",
                f"Not asked: {self.spent:.4f} USD are spent and {self.committed:.4f} set aside for"
                f" calls in flight, this call may cost {cost or 0:.4f}, and `max_cost_usd` is"
                f" {limit:.4f}.",
            )
        self.committed += cost or 0
        try:
            async with self.reserving:
                await self._reserve_missing()
            yield
        finally:
            self.committed -= cost or 0

    async def _reserve_missing(self) -> None:
        analysis = self.analysis
        to_pay = self.spent - analysis.settled_usd + self.committed
        if to_pay <= analysis.reserved_usd:
            return
        try:
            missing = to_pay - analysis.reserved_usd
            if not await in_database(money.reserve_more, analysis, missing):
                raise LeaseLost
        except BudgetExceeded as error:
            raise ProviderError("budget_exceeded", f"Not asked: {error}") from None

    def _cache_key(self, call: Call) -> str:
        """Two calls with one key send the same; empty when the answer is not to be reused."""
        if not self.analysis.uses_cache or is_extractive(call.model):
            return ""
        parameters = {k: v for k, v in self.analysis.parameters.items() if k != "timeout"}
        messages = [[m.role, m.content, m.first_page] for m in call.messages]
        text = json.dumps([call.model, parameters, messages], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()

    async def _cached(self, row: AnalysisResult, key: str, about: Mapping[str, Any]) -> str | None:
        """Reuse the newest answer that this user was given to an equal call."""
        if not key:
            return None
        earlier = await in_database(AnalysisResult.objects.reusable(row.user_id, key).first)
        if earlier is None or earlier.response is None:
            return None
        if not await in_database(outcomes.reuse, row, self.lease, earlier, **about):
            raise LeaseLost
        return earlier.response

    async def _verify(self, call: Call, row: AnalysisResult, text: str) -> None:
        if self.source is None or call.stage not in VERIFIED:
            return
        from analysis.quotations import verify

        findings = await asyncio.to_thread(verify, text, self.source)
        held = sum(one.verdict != "not_found" for one in findings)
        await in_database(
            row.note,
            self.lease,
            quotations=[
                {
                    "text": one.text,
                    "verdict": one.verdict,
                    "page": one.page,
                    "start": one.start,
                    "end": one.end,
                    "similarity": one.similarity,
                }
                for one in findings
            ],
            quotations_total=len(findings),
            quotations_held=held,
        )


def is_worth_another(error: ProviderError, request: int) -> bool:
    """Whether to ask again after so many requests."""
    if not error.is_retriable or (error.retry_after or 0) > LONGEST_HOLD_SECONDS:
        return False
    is_limit = error.code == "rate_limited" and error.retry_after is not None
    return request < (MAX_LIMITED_REQUESTS if is_limit else MAX_REQUESTS)


def understood(error: Exception) -> ProviderError:
    """Return what a call raised as the taxonomy knows it. A surprise of one provider's must cost
    nobody else their answer; it is logged, and its row says so."""
    if isinstance(error, ProviderError):
        return error
    logger.error("A model call failed in an unexpected way", exc_info=error)
    return ProviderError("server_error", f"The answer could not be read ({type(error).__name__}).")


async def surely[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write what was paid for, also when the database is away for some seconds."""
    deadline = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            return await in_database(function, *args, **kwargs)
        except DATABASE_ERRORS:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


def sent_text(messages: Sequence[Message]) -> str:
    """Return the messages as sent. The document is not copied into every row: see the analysis."""
    return "\n\n".join(
        f"[document: {len(m.content):,} characters from page {m.first_page}]"
        if m.purpose == "document"
        else m.content
        for m in messages
    )


def milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1_000)


def pause(request: int, retry_after: float | None) -> float:
    """Return the seconds to wait before the next request: as told, or longer each time."""
    if retry_after is not None:
        return retry_after
    return float(2 ** (request - 1)) * random.uniform(0.75, 1.25)  # noqa: S311
