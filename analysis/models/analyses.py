import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce, Now

from accounts.models import User
from analysis.models.results import AnalysisResult
from documents.models import Document, both_or_neither
from ultrai.querysets import QuickRow, ShapedQuerySet

# While a worker runs an analysis it renews its lease; a lease that ran out can be taken over.
# Shorter than the time after which a dead worker's jobs are queued again (ultrai.jobs).
LEASE = timedelta(seconds=20)

# What lists are ordered by is never null: no place comes after a null. What has not ended comes
# after what has.
FINISHED_OR_NEVER = Coalesce("finished_at", Value(datetime(9999, 12, 31, tzinfo=UTC)))


class AnalysisQuerySet(ShapedQuerySet["Analysis"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose analyses a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def unfinished(self) -> Self:
        return self.filter(status__in=[Analysis.Status.QUEUED, Analysis.Status.RUNNING])

    def renew_leases(self, leases: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """Keep these leases; return those that are not lost: taken over, cancelled, deleted."""
        running = self.filter(lease__in=list(leases), status=Analysis.Status.RUNNING)
        running.update(lease_expires_at=Now() + LEASE)
        return {lease for lease in running.values_list("lease", flat=True) if lease}

    def unleased(self) -> Self:
        """Those that no living worker holds."""
        return self.filter(models.Q(lease=None) | models.Q(lease_expires_at__lt=Now()))


class Analysis(QuickRow, models.Model):
    """One question, asked of one or many models."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        PARTIAL = "partial"  # at least one answer, and at least one failure
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Mode(models.TextChoices):
        ANSWERS = "answers"  # each model answers
        SYNTHESIS = "synthesis"  # each model answers, then one merges the answers
        COUNCIL = "council"  # the models also review each other's answers before that

    class Strategy(models.TextChoices):
        AUTO = "auto"  # a document too long for a model is read in parts
        WHOLE = "whole"  # it is refused

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="analyses",
        db_index=False,  # analyses_by_user serves it
    )
    document = models.ForeignKey(
        Document, on_delete=models.DB_CASCADE, related_name="analyses", null=True
    )
    prompt = models.TextField()
    # Not named `models`: inside this class that name is Django's module.
    model_ids = ArrayField(models.CharField(max_length=200), db_column="models")
    synthesizer = models.CharField(max_length=200, blank=True, default="", db_default="")
    mode = models.CharField(max_length=20, choices=Mode)
    strategy = models.CharField(
        max_length=10, choices=Strategy, default=Strategy.AUTO, db_default=Strategy.AUTO
    )
    minimum_answers = models.IntegerField(default=1, db_default=1)
    uses_cache = models.BooleanField(default=True, db_default=True)
    parameters = models.JSONField(default=dict, db_default={})
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    # Money, in US dollars: what the calls may cost at the most; what is set aside for that in
    # the user's budget until it is known; the client's own limit.
    estimated_cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    settled_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0, db_default=0)
    reserved_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0, db_default=0)
    reserved_month = models.DateField(null=True)  # whose budget that is, and pays what it cost
    max_cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    # What came out besides the answers; null: nothing usable.
    ranking = models.JSONField(null=True)
    agreement = models.JSONField(null=True)
    document_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Coverage: how many characters of how many the models were sent.
    characters_sent = models.IntegerField(null=True)
    characters_total = models.IntegerField(null=True)
    # How often a worker has begun since a call was last answered.
    runs = models.IntegerField(default=0, db_default=0)
    lease = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = AnalysisQuerySet.as_manager()

    class Meta:
        db_table = "analyses"
        verbose_name_plural = "analyses"
        permissions = [("read_analysis", "Can read questions and answers")]
        indexes = [
            # Each order of a list, within one user's analyses.
            models.Index("user", models.F("id").desc(), name="analyses_by_user"),
            models.Index(fields=["user", "created_at", "id"], name="analyses_by_created_at"),
            models.Index("user", FINISHED_OR_NEVER, "id", name="analyses_by_finished_at"),
            models.Index(  # how many wait of a user's is asked with each new one
                fields=["user", "id"],
                condition=models.Q(status__in=["queued", "running"]),
                name="analyses_unfinished_by_user",
            ),
            models.Index(  # for retention; nothing is written before the end
                fields=["finished_at", "id"],
                condition=models.Q(finished_at__isnull=False),
                name="analyses_ended",
            ),
            models.Index(  # the admin's filter
                "status",
                models.F("id").desc(),
                condition=models.Q(status__in=["partial", "failed", "cancelled"]),
                name="analyses_without_success",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(status__in=["queued", "running"]), models.Q(finished_at__isnull=True)
                ),
                name="analysis_finished_iff_ended",
            ),
            models.CheckConstraint(
                condition=models.Q(status="running") | models.Q(lease__isnull=True),
                name="analysis_leased_only_while_running",
            ),
        ]

    def __str__(self) -> str:
        return f"Analysis {self.pk}"

    def new_result(self, stage: str, model: str, part: int = 0) -> AnalysisResult:
        """Return an unsaved row for one call of this analysis."""
        return AnalysisResult(
            user_id=self.user_id,
            analysis=self,
            document_id=self.document_id,
            llm_provider=model.partition(":")[0][:50],
            model=model,
            stage=stage,
            part=part,
            prompt=self.prompt,
            parameters=self.parameters,
        )

    def keep_results(self, results: list[AnalysisResult]) -> None:
        """These are all that it has: `results.all()` need not ask."""
        found = self.results.all()
        found._result_cache = results  # noqa: SLF001
        self._prefetched_objects_cache = {"results": found}  # as prefetch_related() does

    def claim(self) -> bool:
        """Take the lease and begin, or begin again; of two workers exactly one succeeds."""
        lease = uuid.uuid4()
        free = Analysis.objects.unfinished().unleased().filter(pk=self.pk)
        claimed = free.update(
            status=self.Status.RUNNING,
            lease=lease,
            lease_expires_at=Now() + LEASE,
            runs=models.F("runs") + 1,
            started_at=Coalesce("started_at", Now()),
        )
        if claimed:
            self.refresh_from_db()
        return bool(claimed)

    def note_progress(self) -> None:
        """A call was answered: only runs in a row that get no further are counted."""
        self.runs = 1
        self._held().update(runs=self.runs)

    def release(self, *, counts: bool) -> None:
        """Hand back unfinished, so that another worker can go on at once.

        `counts`: whether this was one of the few runs that an analysis may fail.
        """
        self._held().update(
            lease=None,
            lease_expires_at=None,
            status=self.Status.QUEUED,
            runs=models.F("runs") - (0 if counts else 1),
        )

    def note_document(self, document: Document, *, characters_sent: int) -> None:
        """Record which text the models were asked about, and how much of it."""
        self._held().update(
            document_sha256=document.sha256,
            characters_sent=characters_sent,
            characters_total=len(document.content or ""),
        )

    def note_reserved(self, amount: Decimal, month: date) -> bool:
        """Record that more is set aside; False when the lease was lost, and nothing is changed."""
        noted = self._held().update(
            reserved_usd=models.F("reserved_usd") + amount, reserved_month=month
        )
        return bool(noted)

    def finish(self, status: Status, **outcome: Any) -> bool:
        """End with this status; False when the lease was lost, and nothing is changed."""
        finished = self._held().update(
            status=status, finished_at=Now(), lease=None, lease_expires_at=None, **outcome
        )
        return bool(finished)

    def cancel(self) -> bool:
        """End an unfinished analysis; its worker notices within a second. Keeps what came."""
        cancelled = (
            Analysis.objects.unfinished()
            .filter(pk=self.pk)
            .update(
                status=self.Status.CANCELLED,
                finished_at=Now(),
                lease=None,
                lease_expires_at=None,
            )
        )
        if cancelled:
            self.results.open().end_cancelled()
        return bool(cancelled)

    def reopen(self) -> bool:
        """Queue a finished analysis again, for the calls that have no answer; False: none has."""
        finished = Analysis.objects.filter(pk=self.pk, finished_at__isnull=False)
        if not self.results.unanswered().exists() or not finished.update(
            status=self.Status.QUEUED, finished_at=None, runs=0
        ):
            return False
        self.results.unanswered().update(
            status=AnalysisResult.Status.PENDING, error_code="", error="", finished_at=None
        )
        return True

    def _held(self) -> AnalysisQuerySet:
        return Analysis.objects.filter(pk=self.pk, lease=self.lease, status=self.Status.RUNNING)
