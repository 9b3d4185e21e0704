"""Running analyses in the worker: look up, run the pipeline, record what came out."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

# The worker finds their tasks through this module.
import analysis.figures.jobs
import analysis.upkeep.jobs
import analysis.webhooks.jobs  # noqa: F401
from analysis import leases, money, pipeline
from analysis.leases import LeaseLost
from analysis.limits import room
from analysis.models import Analysis
from analysis.questions import question_of
from analysis.recording import RecordedCalls, surely
from analysis.webhooks import services as webhooks
from documents.models import Document
from ultrai.exceptions import DomainError
from ultrai.jobs import MAX_ATTEMPTS, RETRY, in_database, without_job
from ultrai.tracing import carried, traced

if TYPE_CHECKING:
    from analysis.quotations import Source

logger = logging.getLogger(__name__)

QUEUE = "analyses"
# How long an analysis waits for its document's text before it gives up.
DOCUMENT_PATIENCE = timedelta(hours=1)


def job_lock(analysis_id: int | str) -> str:
    return f"analysis-{analysis_id}"


@app.task(name="analysis.run", queue=QUEUE, retry=RETRY)
@traced
async def run_analysis(analysis_id: int) -> None:
    """Run one analysis to its end, or hand it back when the worker has to stop."""
    analysis = await in_database(Analysis.objects.filter(pk=analysis_id).first)
    if analysis is None:
        return
    document = await document_of(analysis)
    if document and document.status == Document.Status.PENDING and is_patient(analysis):
        # Not waited for here: the place is somebody else's meanwhile.
        with suppress(AlreadyEnqueued):
            await run_analysis.configure(
                queueing_lock=job_lock(analysis_id), schedule_in={"seconds": 2}
            ).defer_async(analysis_id=analysis_id, **carried())
        return
    if not await in_database(analysis.claim):
        return  # finished, or in a living worker's hands
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
    async with leases.held(analysis.lease) as lost:
        work = asyncio.create_task(run(analysis))
        loss = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({work, loss}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise LeaseLost
            work.result()
        finally:
            for task in (work, loss):
                task.cancel()
            await asyncio.gather(work, loss, return_exceptions=True)


async def run(analysis: Analysis) -> None:
    document = await document_of(analysis)
    if document is None:
        return await run_on(analysis, None, None, None)
    async with room().take(document.size_bytes):
        text = await in_database(text_of, document)
        source = await asyncio.to_thread(source_of, text) if text else None
        await run_on(analysis, document, text, source)
    return None


def source_of(text: str) -> "Source":
    from analysis.quotations import Source  # the web process, which queues this, needs it never

    return Source(text)


async def run_on(
    analysis: Analysis, document: Document | None, text: str | None, source: "Source | None"
) -> None:
    calls = RecordedCalls(analysis, source)
    await in_database(calls.load)
    if analysis.runs > MAX_ATTEMPTS:
        return await fail(calls, "internal_error", "The worker failed repeatedly on this analysis.")
    if document is not None and document.status == Document.Status.FAILED:
        return await fail(calls, "document_unreadable", document.error)
    if document is not None and document.status == Document.Status.PENDING:
        return await fail(calls, "document_pending", "The document's text was not read in time.")
    question = question_of(analysis, text)
    if analysis.estimated_cost_usd is None:  # the text was not there when it was asked
        try:
            await in_database(money.reserve, analysis, question)
        except DomainError as error:
            return await fail(calls, error.code, str(error))
    if document is not None:
        await in_database(analysis.note_document, document, characters_sent=len(text or ""))
    report = await pipeline.run(question, calls)
    await surely(
        finish,
        analysis,
        Analysis.Status(report.outcome),
        ranking=report.ranking,
        agreement=report.agreement,
    )
    return None


@transaction.atomic
def finish(analysis: Analysis, status: Analysis.Status, **outcome: object) -> None:
    """End it, book its cost and announce it together: a worker may be killed in between."""
    if not analysis.finish(status, **outcome):
        return
    webhooks.announce(analysis.pk)
    money.settle(analysis.pk)  # last: all that the user asks or that ends waits for their budget
    fields = {
        "analysis_id": analysis.pk,
        "user_id": analysis.user_id,
        "mode": analysis.mode,
        "outcome": str(status),
        "seconds": round((timezone.now() - analysis.created_at).total_seconds(), 2),
    }
    logger.info("analysis finished", extra={"fields": fields})


async def fail(calls: RecordedCalls, code: str, message: str) -> None:
    """End the analysis and every call that has no answer yet with one reason."""
    await in_database(calls.fail_open, code, message)
    statuses = Analysis.Status
    await in_database(
        finish, calls.analysis, statuses.PARTIAL if calls.has_answer else statuses.FAILED
    )


async def document_of(analysis: Analysis) -> Document | None:
    """Return the document as it is now, without its text."""
    if analysis.document_id is None:
        return None
    found = Document.objects.filter(pk=analysis.document_id).defer("content")
    return await in_database(found.first)


def text_of(document: Document) -> str:
    return Document.objects.values_list("content", flat=True).get(pk=document.pk) or ""


def is_patient(analysis: Analysis) -> bool:
    return timezone.now() - analysis.created_at < DOCUMENT_PATIENCE


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
