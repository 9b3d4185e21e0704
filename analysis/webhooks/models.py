import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from documents.models import both_or_neither
from ultrai.updates import UpdatedAtQuerySet

# After a rotation both secrets sign for so long: receivers change theirs meanwhile.
SECRET_OVERLAP = timedelta(hours=24)
# A delivery may be taken over when its attempt should long be over: the worker is dead. Shorter
# than the time after which a dead worker's jobs are queued again (ultrai.jobs).
ATTEMPT_LEASE = timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS + 10)


class Event(models.TextChoices):
    SUCCEEDED = "analysis.succeeded"
    PARTIAL = "analysis.partial"
    FAILED = "analysis.failed"
    CANCELLED = "analysis.cancelled"


TEST_EVENT = "webhook.test"


def every_event() -> list[str]:
    return list(Event.values)


class WebhookEndpointQuerySet(UpdatedAtQuerySet, models.QuerySet["WebhookEndpoint"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose webhooks a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def listening(self, user_id: int, event: str) -> Self:
        """Those that are to be told of this event of the user's."""
        return self.filter(
            user_id=user_id, user__is_active=True, is_enabled=True, events__contains=[event]
        )


class WebhookEndpoint(models.Model):
    """An address that a user wants to have told.

    Its secret is in no row: it follows from the salt and SECRET_KEY.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="webhook_endpoints",
        db_index=False,  # webhook_endpoints_by_user serves it
    )
    url = models.CharField(max_length=2_000)
    description = models.CharField(max_length=200, blank=True, default="", db_default="")
    events = ArrayField(models.CharField(max_length=50, choices=Event), default=every_event)
    is_enabled = models.BooleanField(default=True, db_default=True)
    disabled_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    # Since when nothing has arrived; null: the last delivery did.
    failing_since = models.DateTimeField(null=True)
    secret_salt = models.UUIDField(default=uuid.uuid4)
    previous_secret_salt = models.UUIDField(null=True)
    previous_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        app_label = "analysis"
        db_table = "webhook_endpoints"
        indexes = [
            models.Index("user", models.F("id").desc(), name="webhook_endpoints_by_user"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_enabled=False) | models.Q(disabled_reason=""),
                name="webhook_reason_only_if_disabled",
            ),
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(previous_secret_salt__isnull=True),
                    models.Q(previous_secret_until__isnull=True),
                ),
                name="webhook_previous_secret_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"Webhook {self.pk} of user {self.user_id}"

    @property
    def secret(self) -> str:
        """The signing secret as receivers' libraries take it."""
        return "whsec_" + base64.b64encode(signing_key(self.secret_salt)).decode()

    def rotate_secret(self) -> None:
        """Sign with a new secret, and for a day with the one before as well."""
        WebhookEndpoint.objects.filter(pk=self.pk).update(
            previous_secret_salt=models.F("secret_salt"),
            previous_secret_until=Now() + SECRET_OVERLAP,
            secret_salt=uuid.uuid4(),
        )
        self.refresh_from_db()

    def signatures(self, content: bytes) -> str:
        """Return the value of `webhook-signature`: one signature for each secret that counts."""
        salts = [self.secret_salt]
        if self.previous_secret_until and self.previous_secret_until > timezone.now():
            assert self.previous_secret_salt
            salts.append(self.previous_secret_salt)
        digests = [hmac.digest(signing_key(salt), content, hashlib.sha256) for salt in salts]
        return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)

    def note_success(self) -> None:
        """Forget that it was failing."""
        WebhookEndpoint.objects.filter(pk=self.pk, failing_since__isnull=False).update(
            failing_since=None
        )

    def note_failure(self) -> None:
        """Remember since when it is failing."""
        WebhookEndpoint.objects.filter(pk=self.pk).update(
            failing_since=Coalesce("failing_since", Now())
        )
        self.refresh_from_db(fields=["failing_since"])

    def disable(self, reason: str) -> bool:
        """Send nothing any more; False: it was disabled already."""
        enabled = WebhookEndpoint.objects.filter(pk=self.pk, is_enabled=True)
        return bool(enabled.update(is_enabled=False, disabled_reason=reason[:500]))


def signing_key(salt: uuid.UUID) -> bytes:
    return salted_hmac("analysis.webhooks", salt.hex, algorithm="sha256").digest()


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """A delivery is its endpoint's owner's."""
        return self.filter(endpoint__in=WebhookEndpoint.objects.visible_to(user))

    def pending(self) -> Self:
        return self.filter(status=WebhookDelivery.Status.PENDING)


class WebhookDelivery(models.Model):
    """One message to one endpoint, sent until it has arrived or is given up."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.DB_CASCADE,
        related_name="deliveries",
        db_index=False,  # webhook_deliveries_by_endpoint serves it
    )
    # The same in every attempt. Not our id: a restored database would give that to another one.
    message_id = models.UUIDField(default=uuid.uuid4)
    event = models.CharField(max_length=50)
    payload = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.IntegerField(default=0, db_default=0)  # requests begun
    response_status = models.SmallIntegerField(null=True)  # of the last attempt
    error = models.TextField(blank=True, default="", db_default="")  # of the last attempt
    # During an attempt: when another worker may take it over.
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), db_index=True)  # the old are deleted by it
    finished_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        app_label = "analysis"
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index("endpoint", models.F("id").desc(), name="webhook_deliveries_by_endpoint"),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=models.Q(status="pending"),
                name="webhook_deliveries_pending",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(status="pending"), models.Q(next_attempt_at__isnull=False)
                ),
                name="webhook_delivery_next_iff_pending",
            ),
            models.CheckConstraint(
                condition=both_or_neither(
                    models.Q(status="pending"), models.Q(finished_at__isnull=True)
                ),
                name="webhook_delivery_finished_iff_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to webhook {self.endpoint_id}"

    @property
    def message(self) -> str:
        """What `webhook-id` says."""
        return f"msg_{self.message_id.hex}"

    def request(self) -> tuple[dict[str, str], bytes]:
        """Return headers and body of an attempt that is made now."""
        body = json.dumps(self.payload, separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = int(timezone.now().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"UltrAI-Webhooks/{settings.VERSION}",
            "webhook-id": self.message,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self.endpoint.signatures(
                f"{self.message}.{timestamp}.".encode() + body
            ),
        }
        return headers, body

    def claim(self) -> bool:
        """Begin an attempt that is due; of two workers exactly one succeeds."""
        due = WebhookDelivery.objects.pending().filter(
            pk=self.pk, attempts=self.attempts, next_attempt_at__lte=Now()
        )
        self.attempts += 1
        return bool(due.update(attempts=self.attempts, next_attempt_at=Now() + ATTEMPT_LEASE))

    def succeed(self, response_status: int) -> bool:
        return self._end(self.Status.DELIVERED, response_status=response_status, error="")

    def give_up(self, response_status: int | None, error: str) -> bool:
        return self._end(self.Status.FAILED, response_status=response_status, error=error)

    def try_again(self, at: datetime, response_status: int | None, error: str) -> bool:
        return self._record(next_attempt_at=at, response_status=response_status, error=error)

    def restart(self) -> bool:
        """Send an ended delivery anew, as if it had never been tried; False: it has not ended."""
        ended = WebhookDelivery.objects.filter(pk=self.pk, finished_at__isnull=False)
        return bool(
            ended.update(
                status=self.Status.PENDING,
                attempts=0,
                response_status=None,
                error="",
                next_attempt_at=Now(),
                finished_at=None,
            )
        )

    def _end(self, status: Status, **values: Any) -> bool:
        return self._record(status=status, next_attempt_at=None, finished_at=Now(), **values)

    def _record(self, **values: Any) -> bool:
        """Write what came of this attempt, unless another worker has begun the next one."""
        mine = WebhookDelivery.objects.pending().filter(pk=self.pk, attempts=self.attempts)
        return bool(mine.update(**values))
