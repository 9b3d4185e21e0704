from datetime import timedelta

from django.db import models
from django.db.models.functions import Now


class RetentionRun(models.Model):
    """One run of the retention, and what it deleted; of a dry run, what it would have."""

    is_dry_run = models.BooleanField(default=False, db_default=False)
    # What is older goes; null: it is kept however old it is.
    documents_before = models.DateTimeField(null=True)
    analyses_before = models.DateTimeField(null=True)
    documents = models.BigIntegerField(default=0, db_default=0)
    bytes = models.BigIntegerField(default=0, db_default=0)  # of documents and their versions
    analyses = models.BigIntegerField(default=0, db_default=0)
    results = models.BigIntegerField(default=0, db_default=0)
    # Documents whose time is over as well, and that a legal hold keeps.
    held_documents = models.BigIntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)  # null: it was interrupted, or still runs

    class Meta:
        app_label = "analysis"
        db_table = "retention_runs"

    def __str__(self) -> str:
        return f"Retention run {self.pk}"

    @property
    def duration(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None

    def add(
        self, *, documents: int = 0, size: int = 0, analyses: int = 0, results: int = 0
    ) -> None:
        """Count what a batch deleted, in that batch's transaction."""
        self.documents += documents
        self.bytes += size
        self.analyses += analyses
        self.results += results
        self.save(update_fields=["documents", "bytes", "analyses", "results"])

    def finish(self) -> None:
        self.finished_at = Now()
        self.save(update_fields=["finished_at", "held_documents"])
        self.refresh_from_db(fields=["finished_at"])
