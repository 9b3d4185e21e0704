from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Now

from accounts.models import User
from ultrai.querysets import QuickRow, ShapedQuerySet

if TYPE_CHECKING:
    from documents.extraction import Extraction

PAGE_BREAK = "\f"  # as pdftotext writes it; a character offset in the content gives a page


def both_or_neither(a: models.Q, b: models.Q) -> models.Q:
    """For constraints: each of the two conditions holds exactly when the other does."""
    return (a & b) | (~a & ~b)


class DocumentQuerySet(ShapedQuerySet["Document"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose documents a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def held(self) -> Self:
        """Those under a legal hold, which nobody can delete."""
        return self.filter(legal_hold_at__isnull=False)

    def past_their_own_day(self, today: date) -> Self:
        """Those that their owners wanted to keep until a day that is over."""
        return self.filter(delete_after__lt=today)

    def older_than(self, moment: datetime) -> Self:
        """Those whose file came before then, and whose owners did not name a day."""
        replaced = DocumentVersion.objects.filter(
            document=models.OuterRef("pk"), replaced_at__gte=moment
        )
        return self.filter(~models.Exists(replaced), delete_after=None, created_at__lt=moment)

    def to_be_read(self) -> Self:
        """Those whose file the worker is still to read, for the first time or again."""
        return self.filter(
            models.Q(status=Document.Status.PENDING)
            | models.Q(extraction_requested_at__isnull=False)
        )


class Document(QuickRow, models.Model):
    """A text people ask about, and where it came from."""

    class Status(models.TextChoices):
        PENDING = "pending"  # the worker is still to read the file
        READY = "ready"
        FAILED = "failed"  # `error` says why in plain words

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="documents",
        db_index=False,  # documents_by_user serves it
    )
    filename = models.CharField(max_length=255)
    content = models.TextField(null=True, blank=True)  # noqa: DJ001  null until it is read
    file_type = models.CharField(max_length=50, null=True)  # noqa: DJ001  as it was ordered
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)  # of the bytes as they came
    version = models.IntegerField(default=1, db_default=1)  # one more with each new file
    status = models.CharField(max_length=10, choices=Status)
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    page_count = models.IntegerField(null=True)
    word_count = models.IntegerField(null=True)
    metadata = models.JSONField(default=dict, db_default={})
    # Set while the text of a ready document is to be read once more; the old one stays until then.
    extraction_requested_at = models.DateTimeField(null=True)
    # Retention: the owner's own date, instead of the service's number of days; and a legal hold,
    # which no deletion passes: triggers in the database refuse it, whoever deletes.
    delete_after = models.DateField(null=True, blank=True)
    legal_hold_at = models.DateTimeField(null=True, blank=True)  # null: it is not held
    legal_hold_reason = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = DocumentQuerySet.as_manager()

    class Meta:
        db_table = "documents"
        permissions = [
            ("read_document", "Can read the text of documents"),
            ("hold_document", "Can set and lift legal holds"),
        ]
        # Each order and each filter of a list, within one user's documents.
        indexes = [
            models.Index("user", models.F("id").desc(), name="documents_by_user"),
            models.Index(fields=["user", "created_at", "id"], name="documents_by_created_at"),
            models.Index(fields=["user", "filename", "id"], name="documents_by_filename"),
            models.Index(fields=["user", "size_bytes", "id"], name="documents_by_size"),
            models.Index(fields=["user", "file_type", "id"], name="documents_by_type"),
            models.Index(fields=["user", "sha256"], name="documents_by_sha256"),
            # By status: most are ready, and the list has them in order; few are not.
            models.Index(
                fields=["user", "id"],
                condition=models.Q(status="failed"),
                name="documents_failed_by_user",
            ),
            models.Index(
                fields=["id"], condition=models.Q(status="pending"), name="documents_pending"
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(extraction_requested_at__isnull=False),
                name="documents_rereading",
            ),
            # For retention, which looks at everybody's.
            models.Index(fields=["created_at", "id"], name="documents_by_age"),
            models.Index(
                fields=["delete_after", "id"],
                condition=models.Q(delete_after__isnull=False),
                name="documents_by_own_date",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(legal_hold_at__isnull=False),
                name="documents_held",
            ),
            # The admin's filters, over everybody's.
            models.Index(
                fields=["id"], condition=models.Q(status="failed"), name="documents_failed"
            ),
            # And the size: what is stored by type is counted without reading the rows.
            models.Index(
                fields=["file_type"], include=["size_bytes"], name="documents_by_type_and_size"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(status="ready"), models.Q(content__isnull=False)
                ),
                name="document_content_iff_ready",
            ),
            models.CheckConstraint(
                condition=both_or_neither(models.Q(status="failed"), ~models.Q(error_code="")),
                name="document_error_iff_failed",
            ),
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(legal_hold_at__isnull=False), ~models.Q(legal_hold_reason="")
                ),
                name="document_hold_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_held(self) -> bool:
        return self.legal_hold_at is not None

    def hold(self, reason: str) -> bool:
        """Let nobody delete the document or its analyses; False when it was held already."""
        free = Document.objects.filter(pk=self.pk, legal_hold_at=None)
        held = free.update(legal_hold_at=Now(), legal_hold_reason=reason, updated_at=Now())
        self._refresh_hold()
        return bool(held)

    def lift_hold(self) -> bool:
        """Let the document be deleted again; False when it was not held."""
        held = Document.objects.held().filter(pk=self.pk)
        lifted = held.update(legal_hold_at=None, legal_hold_reason="", updated_at=Now())
        self._refresh_hold()
        return bool(lifted)

    def _refresh_hold(self) -> None:
        self.refresh_from_db(fields=["legal_hold_at", "legal_hold_reason", "updated_at"])

    @property
    def is_to_be_read(self) -> bool:
        return self.status == self.Status.PENDING or self.extraction_requested_at is not None

    def finish_extraction(self, extraction: "Extraction") -> bool:
        """Take the text in; False when the file was deleted, replaced or read by another."""
        ours = {"extractor", "extraction_error", "unread_pages"}
        metadata = {k: v for k, v in self.metadata.items() if k not in ours}
        if extraction.unread_pages:
            metadata["unread_pages"] = list(extraction.unread_pages)
        return self._end_reading(
            status=self.Status.READY,
            content=extraction.text,
            file_type=self.file_type,
            page_count=extraction.page_count,
            word_count=len(extraction.text.split()),
            metadata={**metadata, "extractor": extraction.extractor},
        )

    def fail_extraction(self, code: str, message: str) -> bool:
        """Say why there is no text. What was read before stays, with the reason beside it."""
        if self.status == self.Status.READY:
            error = {"code": code, "detail": message}
            return self._end_reading(metadata={**self.metadata, "extraction_error": error})
        return self._end_reading(status=self.Status.FAILED, error_code=code, error=message)

    def _end_reading(self, **values: object) -> bool:
        # The same file in the same state: a job that was overtaken must not write.
        mine = Document.objects.to_be_read().filter(
            pk=self.pk, version=self.version, status=self.status
        )
        return bool(mine.update(**values, extraction_requested_at=None, updated_at=Now()))

    def read_again(self) -> None:
        """A failed document is pending again; a ready one keeps its text until there is another."""
        if self.status == self.Status.FAILED:
            self.status, self.error_code, self.error = self.Status.PENDING, "", ""
        elif self.status == self.Status.READY:
            self.extraction_requested_at = Now()
        self.save(
            update_fields=["status", "error_code", "error", "extraction_requested_at", "updated_at"]
        )
        self.refresh_from_db(fields=["extraction_requested_at"])

    def as_version(self) -> "DocumentVersion":
        """Return what the document is now as an unsaved version of it."""
        is_read = self.status != self.Status.PENDING
        return DocumentVersion(
            document=self,
            user_id=self.user_id,
            number=self.version,
            filename=self.filename,
            content=self.content,
            file_type=self.file_type,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            status=self.status if is_read else self.Status.FAILED,
            error_code=self.error_code if is_read else "replaced",
            error=self.error if is_read else "The file was replaced before it was read.",
            page_count=self.page_count,
            word_count=self.word_count,
            metadata=self.metadata,
            replaced_at=None,  # type: ignore[misc]  # it is not, yet
        )


class DocumentVersionQuerySet(ShapedQuerySet["DocumentVersion"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose versions a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()


class DocumentVersion(QuickRow, models.Model):
    """What a document was before its file was replaced."""

    # The owner, here too: it is what the usage is counted by.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DB_CASCADE, related_name="document_versions"
    )
    document = models.ForeignKey(
        Document,
        on_delete=models.DB_CASCADE,
        related_name="versions",
        db_index=False,  # one_version_a_number serves it
    )
    number = models.IntegerField()
    filename = models.CharField(max_length=255)
    content = models.TextField(null=True)  # noqa: DJ001
    file_type = models.CharField(max_length=50, null=True)  # noqa: DJ001
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=Document.Status)
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    page_count = models.IntegerField(null=True)
    word_count = models.IntegerField(null=True)
    metadata = models.JSONField(default=dict, db_default={})
    replaced_at = models.DateTimeField(db_default=Now())

    objects = DocumentVersionQuerySet.as_manager()

    class Meta:
        db_table = "document_versions"
        constraints = [
            models.UniqueConstraint(fields=["document", "number"], name="one_version_a_number")
        ]

    def __str__(self) -> str:
        return f"Version {self.number} of document {self.document_id}"


class FilePart(models.Model):
    """A piece of the bytes as they were uploaded; `documents.storage` reads and writes them.

    In a table of their own, so that no list ever reads them, and in pieces, so that nothing needs
    a whole file in memory.
    """

    pk = models.CompositePrimaryKey("document_id", "version", "number")
    document = models.ForeignKey(
        Document,
        on_delete=models.DB_CASCADE,
        related_name="file_parts",
        db_index=False,  # the primary key serves it
    )
    version = models.IntegerField()
    number = models.IntegerField()  # from 0; all but the last have storage.PART_BYTES
    data = models.BinaryField()

    class Meta:
        db_table = "document_files"

    def __str__(self) -> str:
        return f"Part {self.number} of version {self.version} of document {self.document_id}"


class WordKeys(models.Func):
    """A passage's words, each as a number that it has for its owner alone: what its index has.

    A search looks through nobody else's passages, and a word's list in the index is as long as its
    owner's passages are many, whether it is read or added to. Two words of a user's may have the
    same number, so what was found has to be looked at.
    """

    function = "word_keys"
    output_field = ArrayField(models.BigIntegerField())

    def __init__(self, owner: str = "user", vector: str = "vector") -> None:
        super().__init__(owner, models.Func(vector, function="tsvector_to_array"))


class Passage(models.Model):
    """A page of a document's text, or a part of one: what search finds and shows.

    A tsvector holds a megabyte at the most, so a whole text may not fit into one.
    """

    pk = models.CompositePrimaryKey("document_id", "number")
    # The owner, here too, for the index.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DB_CASCADE, related_name="passages"
    )
    document = models.ForeignKey(
        Document,
        on_delete=models.DB_CASCADE,
        related_name="passages",
        db_index=False,  # the primary key serves it
    )
    number = models.IntegerField()
    page = models.IntegerField(null=True)  # null: the document has no pages
    text = models.TextField()
    vector = SearchVectorField()

    class Meta:
        db_table = "document_passages"
        indexes = [
            # Without a list of what is still to be sorted in, which every search would read and
            # some upload empty.
            GinIndex(WordKeys(), name="document_passages_keys", fastupdate=False)
        ]

    def __str__(self) -> str:
        return f"Passage {self.number} of document {self.document_id}"


class DocumentUsage(models.Model):
    """What a user's documents and their versions take; triggers in the database keep it exact."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        primary_key=True,
        related_name="document_usage",
    )
    documents = models.BigIntegerField(db_default=0)
    bytes = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "document_usage"

    def __str__(self) -> str:
        return f"Usage of user {self.user_id}"


class StoredType(models.Model):
    """How much of one file type is stored, as last counted by `documents.count_stored`."""

    file_type = models.CharField(max_length=50, primary_key=True)  # empty: not known
    documents = models.BigIntegerField()
    bytes = models.BigIntegerField()  # of the documents as they are; not of earlier versions
    counted_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "stored_types"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.documents} documents of type {self.file_type or 'unknown'}"
