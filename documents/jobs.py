import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from documents.extraction import (
    DEFAULT_LIMITS,
    Extraction,
    UnreadableFile,
    UnsupportedFile,
    extract_text,
    recognise,
)
from documents.models import Document
from documents.search import index_text
from documents.storage import read_file
from documents.stored_types import count_stored_types
from documents.uploads import WHOLE_BYTES
from ultrai.jobs import MAX_ATTEMPTS, RETRY, in_database, without_job
from ultrai.tracing import traced

logger = logging.getLogger(__name__)


def job_lock(document_id: int | str) -> str:
    return f"document-{document_id}"


@app.task(name="documents.extract", queue="documents", retry=RETRY, pass_context=True)
@traced
async def extract_document(context: JobContext, document_id: int) -> None:
    """Read the text out of an uploaded file, or record in plain words why that failed."""
    document = await in_database(
        Document.objects.to_be_read().filter(pk=document_id).defer("content").first
    )
    if document is None:  # deleted meanwhile, or read by an earlier run of this job
        return
    if context.job.attempts >= MAX_ATTEMPTS:
        message = "Reading this file failed repeatedly. It is logged for the operators."
        await in_database(document.fail_extraction, "internal_error", message)
        return
    data = await in_database(bytes_of, document)
    limits = replace(
        DEFAULT_LIMITS,
        memory_bytes=settings.EXTRACTION_BYTES,
        ocr_languages=settings.OCR_LANGUAGES,
    )
    started = time.monotonic()
    outcome = "succeeded"
    try:
        document.file_type = await asyncio.to_thread(type_of, document, data)
        extraction = await extract_text(data, document.file_type, limits)
    except UnreadableFile as error:
        outcome = error.code
        await in_database(document.fail_extraction, outcome, str(error))
    except UnsupportedFile as error:
        outcome = "unsupported_file_type"
        await in_database(document.fail_extraction, outcome, str(error))
    else:
        await in_database(take_in, document, extraction)
    fields = {
        "document_id": document.pk,
        "user_id": document.user_id,
        "file_type": document.file_type,
        "size_bytes": document.size_bytes,
        "outcome": outcome,
        "seconds": round(time.monotonic() - started, 2),
    }
    logger.info("document read", extra={"fields": fields})


def bytes_of(document: Document) -> bytes:
    whole = BytesIO()  # gives its bytes away without a copy; join would hold them twice
    whole.writelines(read_file(document.pk, document.version))
    return whole.getvalue()


def type_of(document: Document, data: bytes) -> str:
    """Return the type, now that all of the file is here, by what is known of types by now.

    Raises UnsupportedFile for a large file of which the upload saw the beginning and the end only.
    """
    try:
        return recognise(data, document.filename)
    except UnsupportedFile:
        if document.file_type is None or len(data) > WHOLE_BYTES:
            raise
        return document.file_type


@transaction.atomic
def take_in(document: Document, extraction: Extraction) -> None:
    """The text and what search finds it by: both or neither."""
    if document.finish_extraction(extraction):
        index_text(document, extraction.text, has_pages=extraction.page_count is not None)


@app.periodic(cron="* * * * * */30")  # every 30 seconds: seconds come last
@app.task(name="documents.adopt", queue="upkeep", queueing_lock="adopt_documents")
async def adopt_orphans(timestamp: int) -> None:
    """Queue again the documents that have long waited to be read and have no job."""
    waiting = Document.objects.to_be_read().filter(updated_at__lt=Now() - timedelta(minutes=10))
    for document_id in await in_database(list, without_job(waiting, job_lock(""))):
        with suppress(AlreadyEnqueued):
            await extract_document.configure(queueing_lock=job_lock(document_id)).defer_async(
                document_id=document_id
            )


@app.periodic(cron="*/10 * * * *")
@app.task(name="documents.count_stored", queue="upkeep", queueing_lock="count_stored")
async def count_stored(timestamp: int) -> None:
    """Count what is stored by file type, for the admin's front page."""
    await in_database(count_stored_types)
