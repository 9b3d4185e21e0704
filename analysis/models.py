import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Coalesce, Now

from accounts.models import User
from analysis.providers import Completion
from documents.models import Document, both_or_neither

# While a worker runs an analysis it renews its lease; a lease that ran out can be taken over.
# Shorter than the time after which a dead worker's jobs are queued again (ultrai.jobs).
LEASE = timedelta(seconds=20)


def storable(text: str) -> str:
    """Return what PostgreSQL can keep: models now and then write NUL or half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class AnalysisQuerySet(models.QuerySet["Analysis"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose analyses a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def unfinished(self) -> Self:
        return self.filter(status__in=[Analysis.Status.QUEUED, Analysis.Status.RUNNING])

    def unleased(self) -> Self:
        """Those that no living worker holds."""
        return self.filter(models.Q(lease=None) | models.Q(lease_expires_at__lt=Now()))


class Analysis(models.Model):
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
    parameters = models.JSONField(default=dict, db_default={})
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    document_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Coverage: how many characters of how many the models were sent.
    characters_sent = models.IntegerField(null=True)
    characters_total = models.IntegerField(null=True)
    runs = models.IntegerField(default=0, db_default=0)  # how often a worker began
    lease = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = AnalysisQuerySet.as_manager()

    class Meta:
        db_table = "analyses"
        verbose_name_plural = "analyses"
        indexes = [
            models.Index("user", models.F("id").desc(), name="analyses_by_user"),
            models.Index(
                fields=["id"],
                condition=models.Q(status__in=["queued", "running"]),
                name="analyses_unfinished",
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

    def new_result(self, stage: str, model: str) -> "AnalysisResult":
        """Return an unsaved row for one call of this analysis."""
        return AnalysisResult(
            user_id=self.user_id,
            analysis=self,
            document_id=self.document_id,
            llm_provider=model.partition(":")[0][:50],
            model=model,
            stage=stage,
            prompt=self.prompt,
            parameters=self.parameters,
        )

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

    def renew_lease(self) -> bool:
        """Keep the lease; False when it is lost: taken over, cancelled or deleted."""
        return bool(self._held().update(lease_expires_at=Now() + LEASE))

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

    def finish(self, status: Status) -> bool:
        """End with this status; False when the lease was lost, and nothing is changed."""
        finished = self._held().update(
            status=status, finished_at=Now(), lease=None, lease_expires_at=None
        )
        return bool(finished)

    def _held(self) -> AnalysisQuerySet:
        return Analysis.objects.filter(pk=self.pk, lease=self.lease, status=self.Status.RUNNING)


class AnalysisResultQuerySet(models.QuerySet["AnalysisResult"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose results a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def open(self) -> Self:
        return self.filter(
            status__in=[AnalysisResult.Status.PENDING, AnalysisResult.Status.RUNNING]
        )


class AnalysisResult(models.Model):
    """One call to one model, and what came back."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Stage(models.TextChoices):
        ANSWER = "answer"
        SYNTHESIS = "synthesis"

    # The owner, here too: a list over millions of results needs no join to be scoped.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="results",
        db_index=False,  # results_by_user serves it
    )
    analysis = models.ForeignKey(
        Analysis,
        on_delete=models.DB_CASCADE,
        related_name="results",
        null=True,
        db_index=False,  # one_call_a_stage_and_model serves it
    )
    document = models.ForeignKey(
        Document, on_delete=models.DB_CASCADE, related_name="results", null=True
    )
    llm_provider = models.CharField(max_length=50)
    model = models.CharField(max_length=200)  # as asked for: "provider:name"
    resolved_model = models.CharField(max_length=200, blank=True, default="", db_default="")
    stage = models.CharField(max_length=20, choices=Stage)
    prompt = models.TextField()
    response = models.TextField(null=True)  # noqa: DJ001  null until there is one
    parameters = models.JSONField(default=dict, db_default={})
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.IntegerField(default=0, db_default=0)  # requests sent to the provider
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")  # the provider's own words
    input_tokens = models.IntegerField(null=True)
    output_tokens = models.IntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)  # null: unknown
    latency_ms = models.IntegerField(null=True)  # of the request that succeeded or failed last
    finish_reason = models.CharField(max_length=50, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = AnalysisResultQuerySet.as_manager()

    class Meta:
        db_table = "analysis_results"
        indexes = [models.Index("user", models.F("id").desc(), name="results_by_user")]
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "stage", "model"], name="one_call_a_stage_and_model"
            ),
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(status="succeeded"), models.Q(response__isnull=False)
                ),
                name="result_response_iff_succeeded",
            ),
            models.CheckConstraint(
                condition=both_or_neither(models.Q(status="failed"), ~models.Q(error_code="")),
                name="result_error_iff_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} in {self.stage} of analysis {self.analysis_id}"

    def start(self, lease: uuid.UUID) -> bool:
        """A request is about to be sent. It counts before it is: it may be billed from here on."""
        return self._record(
            lease,
            status=self.Status.RUNNING,
            attempts=models.F("attempts") + 1,
            started_at=Coalesce("started_at", Now()),
        )

    def succeed(self, lease: uuid.UUID, completion: Completion, latency_ms: int) -> bool:
        return self._record(
            lease,
            status=self.Status.SUCCEEDED,
            response=storable(completion.text),
            resolved_model=completion.resolved_model[:200],
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            cost_usd=completion.cost_usd,
            finish_reason=(completion.finish_reason or "")[:50],
            latency_ms=latency_ms,
            finished_at=Now(),
        )

    def fail(
        self, lease: uuid.UUID, code: str, message: str, latency_ms: int | None = None
    ) -> bool:
        return self._record(
            lease,
            status=self.Status.FAILED,
            error_code=code,
            error=storable(message),
            latency_ms=latency_ms,
            finished_at=Now(),
        )

    def _record(self, lease: uuid.UUID, **values: Any) -> bool:
        """Write, unless the row is finished or the worker has lost its lease on the analysis."""
        mine = AnalysisResult.objects.open().filter(pk=self.pk, analysis__lease=lease)
        return bool(mine.update(**values))
