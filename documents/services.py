import hashlib
import re
from pathlib import PurePosixPath

from django.db import transaction

from accounts.models import User
from documents import jobs
from documents.extraction import UnsupportedFile, decode_text, recognise
from documents.models import Document, DocumentFile
from ultrai.exceptions import DomainError

# Read here and now: nothing to parse, nothing to contain.
PLAIN_TEXT = {"txt", "md"}


class UnsupportedFileType(DomainError):
    status = 415
    code = "unsupported_file_type"


def safe_filename(name: str) -> str:
    """Return the name without its path and control characters, 255 characters at most.

    The ending survives the cut; a name with nothing left of it becomes "document".
    """
    last = re.split(r"[/\\]", name)[-1]
    last = "".join(c for c in last if c.isprintable()).strip(" .")
    path = PurePosixPath(last or "document")
    return path.stem[: 255 - len(path.suffix[:20])] + path.suffix[:20]


def write_document(*, user: User, filename: str, content: str) -> Document:
    """Store text that a client sends as text; it is ready at once."""
    data = content.encode()
    return Document.objects.create(
        user=user,
        filename=safe_filename(filename),
        content=content,
        file_type="md" if filename.lower().endswith((".md", ".markdown")) else "txt",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        status=Document.Status.READY,
        page_count=None,
        word_count=len(content.split()),
    )


@transaction.atomic
def upload_document(*, user: User, filename: str, data: bytes) -> Document:
    """Store an uploaded file. Plain text is ready at once; the worker reads the others.

    The job commits with the rows: neither exists without the other.
    Raises UnsupportedFileType.
    """
    try:
        file_type = recognise(data, filename)
    except UnsupportedFile as error:
        raise UnsupportedFileType(str(error)) from None
    content = decode_text(data) if file_type in PLAIN_TEXT else None
    document = Document.objects.create(
        user=user,
        filename=safe_filename(filename),
        content=content,
        file_type=file_type,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        status=Document.Status.PENDING if content is None else Document.Status.READY,
        word_count=None if content is None else len(content.split()),
    )
    DocumentFile.objects.create(document=document, data=data)
    if content is None:
        lock = jobs.job_lock(document.pk)
        jobs.extract_document.configure(queueing_lock=lock).defer(document_id=document.pk)
    return document
