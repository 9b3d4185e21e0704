import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import (
    AbstractBaseUser,
    AnonymousUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils import timezone

from accounts.idempotency import IdempotencyKey
from ultrai.querysets import QuickRow, ShapedQuerySet

__all__ = ["IdempotencyKey", "PersonalAccessToken", "Session", "User"]


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> ShapedQuerySet["User"]:
        return ShapedQuerySet(self.model, using=self._db)

    def create_user(self, email: str, username: str, password: str | None, **extra: Any) -> "User":
        """Store a new user. Raises IntegrityError when the email is taken."""
        user = self.model(email=email.lower(), username=username, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, username: str, password: str | None = None, **extra: Any
    ) -> "User":
        return self.create_user(
            email, username, password, is_staff=True, is_superuser=True, **extra
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(QuickRow, AbstractBaseUser, PermissionsMixin):
    """A person who logs in with an email address."""

    email = models.EmailField(max_length=255)  # unique, in lower case: see the constraints
    username = models.CharField(max_length=100)
    password = models.CharField(max_length=255, db_column="hashed_password")
    is_active = models.BooleanField(default=True, db_default=True)
    is_staff = models.BooleanField(default=False, db_default=False)
    is_superuser = models.BooleanField(default=False, db_default=False)
    # What the models may cost this user a month; null: as the setting says.
    monthly_budget_usd = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    objects = UserManager()

    class Meta:
        db_table = "users"
        indexes = [
            # The admin searches by the beginning of an address, whatever the collation.
            models.Index(
                fields=["email"], opclasses=["text_pattern_ops"], name="users_by_email_start"
            )
        ]
        constraints = [
            # Together: the same address in other letters is refused too.
            models.UniqueConstraint(fields=["email"], name="email_unique"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="email_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save. A new password, set by whomever, ends every session and access token."""
        # Django clears it when it merely renews the hash of the same password at a login.
        is_set = self._password is not None  # type: ignore[attr-defined]  # unknown to the stubs
        has_new_password = is_set and self.pk is not None
        super().save(*args, **kwargs)
        if has_new_password:
            self.shut_out()

    def disable_password(self) -> None:
        """Leave no password that works: a reset by mail is the only way in."""
        self.set_unusable_password()
        self.save(update_fields=["password", "updated_at"])
        self.shut_out()

    def deactivate(self) -> None:
        self.is_active = False
        self.save(update_fields=["is_active", "updated_at"])
        self.shut_out()  # or the sessions would come back with the account

    def shut_out(self) -> None:
        """End every session and every personal access token."""
        self.sessions.all().delete()
        self.access_tokens.all().delete()


class CredentialQuerySet[C: "Session | PersonalAccessToken"](models.QuerySet[C]):
    def living(self, now: datetime | models.Expression | None = None) -> Self:
        """Those that still count: not past their end, the user active."""
        now = now or timezone.now()
        return self.filter(
            models.Q(expires_at__gt=now) | models.Q(expires_at=None), user__is_active=True
        )

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The one place that decides whose sessions and tokens a user may see."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def note_use(self, credential: C) -> None:
        """Remember that it was used just now: one write a minute, not one a request."""
        now = timezone.now()
        last = credential.last_used_at
        if last is None or now - last > timedelta(minutes=1):
            self.filter(pk=credential.pk).update(last_used_at=now)


class Session(QuickRow, models.Model):
    """One login. Its tokens count while the row exists; ending it deletes the row.

    Of its refresh tokens only the newest counts, by `refresh_jti`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="sessions",
        db_index=False,  # sessions_by_user serves it
    )
    refresh_jti = models.UUIDField(default=uuid.uuid4)
    client = models.CharField(max_length=200, blank=True, default="")  # its User-Agent
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(db_default=Now())  # to the minute
    expires_at = models.DateTimeField()

    objects = CredentialQuerySet["Session"].as_manager()

    # When the access token ends that a request came with: not a column, known to that request.
    access_expires_at: datetime | None = None

    class Meta:
        db_table = "user_sessions"
        indexes = [models.Index("user", models.F("id").desc(), name="sessions_by_user")]

    def __str__(self) -> str:
        return f"Session {self.pk} of user {self.user_id}"

    def rotate(self, *, spent: str, expires_at: datetime) -> bool:
        """Exchange the refresh token `spent` for a new one; of racing calls one succeeds."""
        fresh = uuid.uuid4()
        rotated = Session.objects.filter(pk=self.pk, refresh_jti=spent).update(
            refresh_jti=fresh, last_used_at=timezone.now(), expires_at=expires_at
        )
        if rotated:
            self.refresh_jti = fresh
        return bool(rotated)


class PersonalAccessToken(QuickRow, models.Model):
    """A credential for scripts. Only its hash is kept: the token is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="access_tokens",
        db_index=False,  # access_tokens_by_user serves it
    )
    name = models.CharField(max_length=100)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    hint = models.CharField(max_length=20)  # the token's beginning, to tell one from another
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)  # to the minute
    expires_at = models.DateTimeField(null=True)

    objects = CredentialQuerySet["PersonalAccessToken"].as_manager()

    class Meta:
        db_table = "personal_access_tokens"
        indexes = [models.Index("user", models.F("id").desc(), name="access_tokens_by_user")]
        constraints = [
            models.UniqueConstraint(fields=["sha256"], name="personal_access_token_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}...)"
