import uuid
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce, Now

from accounts.models import User
from documents.models import Document, both_or_neither
from ultrai.compiled import run_prepared
from ultrai.querysets import QuickRow, ShapedQuerySet
from ultrai.updates import UpdatedAtQuerySet

# What each call is recorded by is written out: the ORM takes longer to write it than PostgreSQL to
# do it.
# A row that is finished stays, and so does one whose worker has lost its lease on the analysis.
IS_MINE = """
    id = %s AND status IN ('pending', 'running')
    AND EXISTS (SELECT FROM analyses WHERE analyses.id = analysis_id AND lease = %s)
"""
START = f"""
    UPDATE analysis_results
    SET status = 'running', sent = %s, cache_key = %s, attempts = attempts + 1,
        started_at = coalesce(started_at, now()), updated_at = now()
    WHERE {IS_MINE} RETURNING id
"""  # noqa: S608  of constants

# What lists are ordered by is never null: an unknown cost comes before any.
KNOWN_COST = Coalesce("cost_usd", Value(Decimal(-1)))


def storable(text: str) -> str:
    """Return what PostgreSQL can keep: models now and then write NUL or half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class AnalysisResultQuerySet(UpdatedAtQuerySet, ShapedQuerySet["AnalysisResult"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose results a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def open(self) -> Self:
        return self.filter(
            status__in=[AnalysisResult.Status.PENDING, AnalysisResult.Status.RUNNING]
        )

    def in_order(self) -> Self:
        """As they were planned, and made."""
        return self.order_by("id")

    def reusable(self, user_id: int, cache_key: str) -> Self:
        """Answers that this user was given to an equal call, the newest first."""
        return self.filter(
            user_id=user_id,
            cache_key=cache_key,
            cached=False,
            status=AnalysisResult.Status.SUCCEEDED,
        ).order_by("-id")

    def unanswered(self) -> Self:
        """Calls that ended without an answer, and that nothing has replaced."""
        return self.filter(
            status__in=[AnalysisResult.Status.FAILED, AnalysisResult.Status.CANCELLED]
        ).exclude(stage=AnalysisResult.Stage.OVERFLOW)

    def end_cancelled(self) -> None:
        """End open calls; one whose request was out may have been billed."""
        self.note_interrupted()
        self.open().update(status=AnalysisResult.Status.CANCELLED, finished_at=Now())

    def note_interrupted(self) -> None:
        """Count requests whose outcome nobody will know: sent, and perhaps billed."""
        running = self.filter(status=AnalysisResult.Status.RUNNING)
        running.update(
            interrupted=models.F("interrupted") + 1, status=AnalysisResult.Status.PENDING
        )


class AnalysisResult(QuickRow, models.Model):
    """One call to one model, and what came back."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Stage(models.TextChoices):
        OVERFLOW = "overflow"  # what a model found too long; it was read in smaller parts instead
        PART = "part"  # one part of a document too long to be read at once
        ANSWER = "answer"
        REVIEW = "review"
        SYNTHESIS = "synthesis"
        REPAIR = "repair"  # of the synthesis's structured block
        RECORDED = "recorded"  # made and recorded by the client itself

    # The owner, here too: a list over millions of results needs no join to be scoped.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="results",
        db_index=False,  # results_by_user serves it
    )
    analysis = models.ForeignKey(
        "analysis.Analysis",
        on_delete=models.DB_CASCADE,
        related_name="results",
        null=True,
        db_index=False,  # one_row_a_call serves it
    )
    document = models.ForeignKey(
        Document, on_delete=models.DB_CASCADE, related_name="results", null=True
    )
    llm_provider = models.CharField(max_length=50)
    model = models.CharField(max_length=200)  # as asked for: "provider:name"
    resolved_model = models.CharField(max_length=200, blank=True, default="", db_default="")
    stage = models.CharField(max_length=20, choices=Stage)
    part = models.IntegerField(default=0, db_default=0)  # which of several calls of this stage
    prompt = models.TextField()
    # Every message as it was sent; of the document only which characters of it.
    sent = models.TextField(blank=True, default="", db_default="")
    response = models.TextField(null=True)  # noqa: DJ001  null until there is one
    parameters = models.JSONField(default=dict, db_default={})
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.IntegerField(default=0, db_default=0)  # requests sent to the provider
    interrupted = models.IntegerField(default=0, db_default=0)  # of these, outcome unknown
    cached = models.BooleanField(default=False, db_default=False)
    cache_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")  # the provider's own words
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)  # null: unknown
    latency_ms = models.IntegerField(null=True)  # of the request that succeeded or failed last
    finish_reason = models.CharField(max_length=50, blank=True, default="", db_default="")
    review = models.JSONField(null=True)  # what a review says, by model
    quotations = models.JSONField(null=True)  # each with its verdict, page and offsets
    quotations_total = models.IntegerField(null=True)
    quotations_held = models.IntegerField(null=True)  # those found in the document
    rating = models.SmallIntegerField(null=True)  # the user's, 1 to 5
    comment = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = AnalysisResultQuerySet.as_manager()

    class Meta:
        db_table = "analysis_results"
        indexes = [
            # Each order of a list, within one user's results.
            models.Index("user", models.F("id").desc(), name="results_by_user"),
            models.Index(fields=["user", "created_at", "id"], name="results_by_created_at"),
            models.Index("user", KNOWN_COST, "id", name="results_by_cost"),
            models.Index(
                fields=["user", "cache_key"],
                condition=~models.Q(cache_key=""),
                name="results_by_cache_key",
            ),
            models.Index(  # for figures and providers' health; nothing is written before the end
                fields=["finished_at"],
                condition=models.Q(finished_at__isnull=False),
                name="results_ended",
            ),
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(analysis__isnull=True),
                name="results_recorded",  # by clients, without an analysis: retention
            ),
            # The admin's filters. Few rows or few values: small, and written when a call ends.
            models.Index(fields=["llm_provider", "model"], name="results_by_model"),
            models.Index(
                fields=["error_code"], condition=~models.Q(error_code=""), name="results_failed"
            ),
            models.Index(  # in the order of the list, as the next: how many need not be guessed
                fields=["stage", "-id"],
                condition=~models.Q(stage="answer"),
                name="results_newest_by_stage",
            ),
            models.Index(
                fields=["id", "cost_usd"],
                condition=models.Q(cost_usd__gte=Decimal("0.10")),
                name="results_costly",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["analysis", "stage", "model", "part"], name="one_row_a_call"
            ),
            models.CheckConstraint(
                condition=models.Q(rating__isnull=True) | models.Q(rating__range=(1, 5)),
                name="result_rating_from_1_to_5",
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

    def start(self, lease: uuid.UUID, *, sent: str, cache_key: str) -> bool:
        """A request is about to be sent. It counts before it is: it may be billed from here on."""
        return bool(run_prepared(START, [sent, cache_key, self.pk, lease]))

    def reuse(self, lease: uuid.UUID, earlier: "AnalysisResult", **about: Any) -> bool:
        """Take over the answer that an equal call was given before: nothing is sent or paid."""
        return self._record(
            lease,
            status=self.Status.SUCCEEDED,
            **about,
            cached=True,
            response=earlier.response,
            resolved_model=earlier.resolved_model,
            cost_usd=0,
            finish_reason=earlier.finish_reason,
            latency_ms=0,
            started_at=Now(),
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

    def note(self, lease: uuid.UUID, **values: Any) -> None:
        """Write what is known of the call besides its answer, whatever its status."""
        AnalysisResult.objects.filter(pk=self.pk, analysis__lease=lease).update(**values)

    def _record(self, lease: uuid.UUID, **values: Any) -> bool:
        """Write, unless the row is finished or the worker has lost its lease on the analysis."""
        mine = AnalysisResult.objects.open().filter(pk=self.pk, analysis__lease=lease)
        return bool(mine.update(**values))
