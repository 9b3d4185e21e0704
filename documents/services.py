import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.core.files.base import File
from django.db import connection, transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404

from accounts.models import User
from documents import jobs
from documents.extraction import PLAIN_TEXT, decode_text
from documents.extraction.formats import extractor
from documents.insertion import insert_text
from documents.models import Document, DocumentUsage, DocumentVersion, FilePart
from documents.quotas import lock_usage, refuse_over_quota
from documents.search import add_passages, index_text
from documents.storage import has_file, write_file
from documents.uploads import refuse_too_large, type_of
from ultrai.exceptions import DomainError
from ultrai.jobs import enqueue
from ultrai.parsing import sha256_of
from ultrai.querysets import Parameter, Prepared

# Larger plain text is the worker's, too.
READ_AT_ONCE_BYTES = 1024 * 1024
JOINERS = "\u200c\u200d"  # invisible, but Persian and many emoji are not readable without them
WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


TWIN = Prepared(
    lambda: (
        Document.objects.filter(user_id=Parameter("user_id"), sha256=Parameter("sha256"))
        .defer("content")
        .order_by(
            Case(When(status=Document.Status.FAILED, then=Value(1)), default=Value(0)), "-id"
        )[:1]
    )
)


class NothingToExtract(DomainError):
    status = 409
    code = "nothing_to_extract"


class CurrentVersion(DomainError):
    status = 409
    code = "current_version"


class TwinFound(Exception):
    """Meanwhile another request has stored the same bytes."""

    def __init__(self, document: Document) -> None:
        self.document = document


@dataclass(frozen=True, slots=True)
class Stored:
    document: Document
    is_duplicate: bool  # it was there already, and nothing was stored


def safe_filename(name: str) -> str:
    """Return the name without its path and control characters, 255 characters at most.

    The ending survives the cut; a name with nothing left of it becomes "document".
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    last = "".join(" " if unicodedata.category(c) == "Zs" else c for c in last)
    last = "".join(c for c in last if c.isprintable() or c in JOINERS).strip(f" .{JOINERS}")
    if WINDOWS_DEVICES.match(last):
        last = f"_{last}"
    path = PurePosixPath(last or "document")
    return path.stem[: 255 - len(path.suffix[:20])] + path.suffix[:20]


def write_document(
    *, user: User, filename: str, content: str, keep_duplicate: bool = False
) -> Stored:
    """Store text that a client sends as text; it is ready at once. Raises QuotaExceeded."""
    data = content.encode()
    document = Document(
        user=user,
        filename=safe_filename(filename),
        content=content,
        file_type="md" if filename.lower().endswith((".md", ".markdown")) else "txt",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        status=Document.Status.READY,
        word_count=len(content.split()),
    )
    if insert_text(document, content, keeps_duplicate=keep_duplicate):
        return Stored(document, is_duplicate=False)
    return store(document, keep_duplicate=keep_duplicate)


def upload_document(
    *, user: User, filename: str, file: File, keep_duplicate: bool = False
) -> Stored:
    """Store an uploaded file. Small plain text is ready at once; the worker reads the others.

    Raises FileTooLarge, UnsupportedFileType, QuotaExceeded.
    """
    refuse_too_large(file)
    document = Document(user=user, filename=safe_filename(filename), sha256=sha256_of(file))
    # Before the bytes go to the database; `store` looks once more when nobody can interfere.
    if not keep_duplicate and (twin := twin_of(document)):
        return found_again(twin)
    usage = DocumentUsage.objects.filter(user=user).first()
    refuse_over_quota(usage, documents=1, size=file.size or 0)
    describe_file(document, file, filename)
    return store(document, keep_duplicate=keep_duplicate, chunks=file.chunks())


def describe_file(document: Document, file: File, filename: str) -> None:
    """Set what an uploaded file says by itself: type, size, and the text where that is plain."""
    document.file_type = type_of(file, filename)
    document.size_bytes = file.size or 0
    document.status, document.content = Document.Status.PENDING, None
    document.error_code = document.error = ""
    document.page_count = document.word_count = None
    document.metadata = {}
    if document.file_type in PLAIN_TEXT and document.size_bytes <= READ_AT_ONCE_BYTES:
        file.seek(0)
        document.content = decode_text(file.read())
        document.word_count = len(document.content.split())
        document.status = Document.Status.READY
        document.metadata = {"extractor": extractor(document.file_type)}


def store(
    document: Document, *, keep_duplicate: bool, chunks: Iterable[bytes] | None = None
) -> Stored:
    """Store a new document with its bytes, its passages or its job: all of them or none."""
    try:
        with transaction.atomic():
            if chunks is not None:
                # First the bytes, which take long, then the lock: its foreign key is checked at
                # the end.
                document.pk = next_document_id()
                write_file(document.pk, document.version, chunks)
            usage = lock_usage(document.user)
            if not keep_duplicate and (twin := twin_of(document)):
                raise TwinFound(twin)
            refuse_over_quota(usage, documents=1, size=document.size_bytes)
            document.save(force_insert=True)
            make_readable(document)
    except TwinFound as found:
        return found_again(found.document)
    return Stored(document, is_duplicate=False)


def next_document_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('documents', 'id'))")
        return int(cursor.fetchone()[0])


def make_readable(document: Document) -> None:
    """Index the text that is there, or have the worker read the file."""
    if document.content is not None:
        add_passages(document, document.content, has_pages=False)
    else:
        queue_extraction(document)


def queue_extraction(document: Document, *, priority: int = 0) -> None:
    """Queue the job; one that waits already will do. It commits with the document's row."""
    enqueue(
        jobs.extract_document.name,
        jobs.extract_document.queue,
        lock=jobs.job_lock(document.pk),
        priority=priority,
        document_id=document.pk,
    )


def twin_of(document: Document) -> Document | None:
    """Return the user's document with the same bytes; one that was read before one that failed."""
    return TWIN.first(user_id=document.user_id, sha256=document.sha256)


def found_again(document: Document) -> Stored:
    """Return the document that is there. One that failed is read again: we may know better now."""
    if document.status == Document.Status.FAILED:
        document = request_extraction(document)
    return Stored(document, is_duplicate=True)


@transaction.atomic
def request_extraction(document: Document, *, priority: int = 0) -> Document:
    """Have the file read once more; a text that is there stays until there is another.

    Raises NothingToExtract for a document that was sent as text.
    """
    if not has_file(document.pk, document.version):
        raise NothingToExtract("This document was sent as text: there is no file to read.")
    document = get_object_or_404(locked().defer("content"), pk=document.pk)
    document.read_again()
    queue_extraction(document, priority=priority)
    return document


def locked() -> QuerySet[Document]:
    """Documents whose rows nobody else changes before this transaction ends."""
    return Document.objects.select_for_update()


@transaction.atomic
def replace_file(*, document: Document, filename: str, file: File) -> Document:
    """Make this file the document's; what it was stays as a version. The same bytes change nothing.

    Raises FileTooLarge, UnsupportedFileType, QuotaExceeded.
    """
    refuse_too_large(file)
    sha256 = sha256_of(file)
    document = get_object_or_404(locked(), pk=document.pk)
    if document.sha256 == sha256:
        return found_again(document).document
    earlier = document.as_version()
    describe_file(document, file, filename)
    document.filename = safe_filename(filename)
    document.sha256 = sha256
    document.version += 1
    document.extraction_requested_at = None
    write_file(document.pk, document.version, file.chunks())
    refuse_over_quota(lock_usage(document.user), documents=0, size=document.size_bytes)
    earlier.replaced_at = Now()
    earlier.save(force_insert=True)
    document.save()
    index_text(document, "", has_pages=False)
    make_readable(document)
    return document


@transaction.atomic
def delete_version(version: DocumentVersion) -> None:
    """Delete an earlier version with its bytes. Raises CurrentVersion for the one that is not."""
    if version.pk is None:
        raise CurrentVersion(
            "This is the document's current version. Replace its file, or delete the document."
        )
    FilePart.objects.filter(document=version.document_id, version=version.number).delete()
    version.delete()


@transaction.atomic
def delete_documents(*, user: User, ids: Iterable[int]) -> list[int]:
    """Delete those of the documents that are the user's; return their ids."""
    mine = Document.objects.visible_to(user).filter(pk__in=ids).order_by("pk")
    found = list(mine.select_for_update().values_list("pk", flat=True))
    Document.objects.filter(pk__in=found).delete()
    return found
