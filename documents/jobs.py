from contextlib import suppress
from datetime import timedelta

from django.db.models.functions import Now
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from documents.extraction import UnreadableFile, extract_text
from documents.models import Document, DocumentFile
from ultrai.jobs import MAX_ATTEMPTS, RETRY, in_database, without_job


def job_lock(document_id: int | str) -> str:
    return f"document-{document_id}"


@app.task(name="documents.extract", queue="documents", retry=RETRY, pass_context=True)
async def extract_document(context: JobContext, document_id: int) -> None:
    """Read the text out of an uploaded file, or record in plain words why that failed."""
    document = await in_database(
        Document.objects.filter(pk=document_id, status=Document.Status.PENDING).first
    )
    if document is None:  # deleted meanwhile, or read by an earlier run of this job
        return
    if context.job.attempts >= MAX_ATTEMPTS:
        message = "Reading this file failed repeatedly. It is logged for the operators."
        await in_database(document.fail_extraction, "internal_error", message)
        return
    file = await in_database(DocumentFile.objects.get, document_id=document_id)
    try:
        extraction = await extract_text(bytes(file.data), document.file_type or "")
    except UnreadableFile as error:
        await in_database(document.fail_extraction, error.code, str(error))
    else:
        await in_database(document.finish_extraction, extraction)


@app.periodic(cron="* * * * * */30")  # every 30 seconds: seconds come last
@app.task(name="documents.adopt", queue="upkeep", queueing_lock="adopt_documents")
async def adopt_orphans(timestamp: int) -> None:
    """Queue again the pending documents that have waited long and have no job."""
    pending = Document.objects.filter(
        status=Document.Status.PENDING, created_at__lt=Now() - timedelta(minutes=10)
    )
    for document_id in await in_database(list, without_job(pending, job_lock(""))):
        with suppress(AlreadyEnqueued):
            await extract_document.configure(queueing_lock=job_lock(document_id)).defer_async(
                document_id=document_id
            )
