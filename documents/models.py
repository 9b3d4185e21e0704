from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models.functions import Now

from accounts.models import User

if TYPE_CHECKING:
    from documents.extraction import Extraction

PAGE_BREAK = "\f"  # as pdftotext writes it; a character offset in the content gives a page


def both_or_neither(a: models.Q, b: models.Q) -> models.Q:
    """For constraints: each of the two conditions holds exactly when the other does."""
    return (a & b) | (~a & ~b)


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose documents a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()


class Document(models.Model):
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
    status = models.CharField(max_length=10, choices=Status)
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    page_count = models.IntegerField(null=True)
    word_count = models.IntegerField(null=True)
    metadata = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = DocumentQuerySet.as_manager()

    class Meta:
        db_table = "documents"
        indexes = [
            models.Index("user", models.F("id").desc(), name="documents_by_user"),
            models.Index(
                fields=["id"], condition=models.Q(status="pending"), name="documents_pending"
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
        ]

    def __str__(self) -> str:
        return self.filename

    def finish_extraction(self, extraction: "Extraction") -> bool:
        """Take the text in; False when the document was deleted or read by another meanwhile."""
        return self._leave_pending(
            status=self.Status.READY,
            content=extraction.text,
            page_count=extraction.page_count,
            word_count=len(extraction.text.split()),
            metadata={**self.metadata, "extractor": extraction.extractor},
        )

    def fail_extraction(self, code: str, message: str) -> bool:
        return self._leave_pending(status=self.Status.FAILED, error_code=code, error=message)

    def _leave_pending(self, **values: object) -> bool:
        pending = Document.objects.filter(pk=self.pk, status=self.Status.PENDING)
        return bool(pending.update(**values, updated_at=Now()))


class DocumentFile(models.Model):
    """The bytes as they were uploaded, in a table of their own: no list ever reads them."""

    document = models.OneToOneField(
        Document, on_delete=models.DB_CASCADE, primary_key=True, related_name="file"
    )
    data = models.BinaryField()

    class Meta:
        db_table = "document_files"

    def __str__(self) -> str:
        return f"File of document {self.pk}"
