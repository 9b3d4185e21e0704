import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
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


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in with an email address."""

    email = models.EmailField(max_length=255)  # unique, in lower case: see the constraints
    username = models.CharField(max_length=100)
    password = models.CharField(max_length=255, db_column="hashed_password")
    is_active = models.BooleanField(default=True, db_default=True)
    is_staff = models.BooleanField(default=False, db_default=False)
    is_superuser = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    objects = UserManager()

    class Meta:
        db_table = "users"
        constraints = [
            # Together: the same address in other letters is refused too. (`unique=True` would add
            # a second index, for LIKE, that nothing uses.)
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


class SessionQuerySet(models.QuerySet["Session"]):
    def living(self) -> Self:
        """Sessions whose tokens still count: not past their end, the user active."""
        return self.filter(expires_at__gt=timezone.now(), user__is_active=True)


class Session(models.Model):
    """One login. Its tokens count while the row exists; ending it deletes the row.

    Of its refresh tokens only the newest counts, by `refresh_jti`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DB_CASCADE, related_name="sessions"
    )
    refresh_jti = models.UUIDField(default=uuid.uuid4)
    client = models.CharField(max_length=200, blank=True, default="")  # its User-Agent
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(db_default=Now())  # last login or refresh
    expires_at = models.DateTimeField()

    objects = SessionQuerySet.as_manager()

    class Meta:
        db_table = "user_sessions"

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
