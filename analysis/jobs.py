"""Running analyses in the worker: look up, run the pipeline, record what happened."""

import asyncio
import logging
import random
import time
from contextlib import suppress
from datetime import timedelta

from django.db.models.functions import Now
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from analysis import pipeline
from analysis.models import LEASE, Analysis, AnalysisResult
from analysis.providers import ProviderError, complete
from documents.models import Document
from ultrai.jobs import MAX_ATTEMPTS, RETRY, in_database, without_job

logger = logging.getLogger(__name__)

QUEUE = "analyses"
# A rate limit or an overloaded server: asked again after 1, 2 s, or when the provider says.
MAX_REQUESTS = 3
LONGEST_PAUSE_SECONDS = 60.0
# How long an analysis waits for its document's text before it gives up.
DOCUMENT_PATIENCE_SECONDS = 600


class LeaseLost(Exception):
    """Another worker, a cancellation or a deletion took the analysis away from this worker."""


def job_lock(analysis_id: int | str) -> str:
    return f"analysis-{analysis_id}"


@app.task(name="analysis.run", queue=QUEUE, retry=RETRY)
async def run_analysis(analysis_id: int) -> None:
    """Run one analysis to its end, or hand it back when the worker has to stop."""
    analysis = await in_database(Analysis.objects.filter(pk=analysis_id).first)
    if analysis is None or not await in_database(analysis.claim):
        return  # deleted, finished, or in a living worker's hands
    try:
        await run_leased(analysis)
    except LeaseLost:
        logger.info("Analysis %s was taken away from this worker", analysis_id)
    except BaseException as error:
        # The next worker goes on with what is missing. Being told to stop is no failed run.
        is_stopped = isinstance(error, asyncio.CancelledError)
        await asyncio.shield(in_database(analysis.release, counts=not is_stopped))
        raise


async def run_leased(analysis: Analysis) -> None:
    """Run the pipeline while the lease is kept; stop its calls at once when it is lost."""
    assert analysis.lease
    calls = RecordedCalls(analysis)
    await in_database(calls.load)
    if analysis.runs > MAX_ATTEMPTS:
        return await fail(calls, "internal_error", "The worker failed repeatedly on this analysis.")
    work = asyncio.create_task(answer(analysis, calls))
    keeper = asyncio.create_task(keep_lease(analysis))
    try:
        await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            keeper.result()  # raises LeaseLost, or why the lease could not be renewed
        work.result()
    finally:
        for task in (work, keeper):
            task.cancel()
        await asyncio.gather(work, keeper, return_exceptions=True)
    return None


async def keep_lease(analysis: Analysis) -> None:
    while await in_database(analysis.renew_lease):
        await asyncio.sleep(LEASE.total_seconds() / 4)
    raise LeaseLost


async def answer(analysis: Analysis, calls: "RecordedCalls") -> None:
    document = await document_text(analysis)
    if document is not None and document.status == Document.Status.FAILED:
        return await fail(calls, "document_unreadable", document.error)
    if document is not None and document.status == Document.Status.PENDING:
        return await fail(calls, "document_pending", "The document's text was not read in time.")
    text = document.content or "" if document else None
    if document is not None:
        await in_database(analysis.note_document, document, characters_sent=len(text or ""))
    question = pipeline.Question(
        prompt=analysis.prompt,
        document=text,
        models=analysis.model_ids,
        synthesizer=analysis.synthesizer or None,
    )
    outcome = await pipeline.run(question, calls)
    await in_database(analysis.finish, Analysis.Status(outcome))
    return None


async def document_text(analysis: Analysis) -> Document | None:
    """Return the document once its text is there, or as it is when patience ends."""
    if analysis.document_id is None:
        return None
    deadline = time.monotonic() + DOCUMENT_PATIENCE_SECONDS
    while True:
        document = await in_database(Document.objects.get, pk=analysis.document_id)
        if document.status != Document.Status.PENDING or time.monotonic() > deadline:
            return document
        await asyncio.sleep(0.5)


async def fail(calls: "RecordedCalls", code: str, message: str) -> None:
    """End the analysis and every call that has no answer yet with one reason."""
    await in_database(calls.fail_open, code, message)
    await in_database(calls.analysis.finish, Analysis.Status.FAILED)


class RecordedCalls:
    """The pipeline's calls, each with its row: what it has is reused, what happens is written."""

    def __init__(self, analysis: Analysis) -> None:
        assert analysis.lease
        self.analysis = analysis
        self.lease = analysis.lease
        self.rows: dict[tuple[str, str], AnalysisResult] = {}

    def load(self) -> None:
        self.rows = {(row.stage, row.model): row for row in self.analysis.results.all()}

    def fail_open(self, code: str, message: str) -> None:
        for row in self.analysis.results.open():
            row.fail(self.lease, code, message)

    async def make(self, call: pipeline.Call) -> str | None:
        row = await self._row(call)
        if row.status == AnalysisResult.Status.SUCCEEDED:
            return row.response
        if row.status == AnalysisResult.Status.FAILED:
            return None
        for request in range(1, MAX_REQUESTS + 1):
            if not await in_database(row.start, self.lease):
                raise LeaseLost
            started = time.monotonic()
            try:
                completion = await complete(call.model, call.messages, self.analysis.parameters)
            except ProviderError as error:
                if error.is_retriable and request < MAX_REQUESTS:
                    await asyncio.sleep(pause(request, error.retry_after))
                    continue
                latency = milliseconds_since(started)
                await in_database(row.fail, self.lease, error.code, error.message, latency)
                return None
            latency = milliseconds_since(started)
            if not await in_database(row.succeed, self.lease, completion, latency):
                raise LeaseLost
            return completion.text
        raise AssertionError("the last request returns")

    async def skip(self, call: pipeline.Call, reason: str) -> None:
        row = await self._row(call)
        await in_database(row.fail, self.lease, "not_called", reason)

    async def _row(self, call: pipeline.Call) -> AnalysisResult:
        """Return the call's row; a call that was not planned (another synthesizer) gets one."""
        key = (call.stage, call.model)
        if key not in self.rows:
            self.rows[key] = self.analysis.new_result(call.stage, call.model)
            await in_database(self.rows[key].save)
        return self.rows[key]


def milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1_000)


def pause(request: int, retry_after: float | None) -> float:
    """Return the seconds to wait before the next request: as told, or longer each time."""
    if retry_after is not None:
        return min(retry_after, LONGEST_PAUSE_SECONDS)
    return min(2.0 ** (request - 1) * random.uniform(0.75, 1.25), LONGEST_PAUSE_SECONDS)  # noqa: S311


@app.periodic(cron="* * * * * */30")  # every 30 seconds: seconds come last
@app.task(name="analysis.adopt", queue="upkeep", queueing_lock="adopt_analyses")
async def adopt_orphans(timestamp: int) -> None:
    """Queue again the unfinished analyses that have neither a living worker nor a job."""
    settled = Analysis.objects.filter(created_at__lt=Now() - timedelta(minutes=1))
    orphans = without_job(settled.unfinished().unleased(), job_lock(""))
    for analysis_id in await in_database(list, orphans):
        with suppress(AlreadyEnqueued):
            await run_analysis.configure(queueing_lock=job_lock(analysis_id)).defer_async(
                analysis_id=analysis_id
            )
