from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework import serializers

from accounts.authentication import signed_in
from accounts.jobs import mail_email_changed
from accounts.models import PersonalAccessToken, Session, User
from accounts.passwords import checked_password, require_password
from ultrai.exceptions import DomainError
from ultrai.parameters import ChosenFieldsMixin
from ultrai.representation import RowSerializer
from ultrai.tracing import carried
from ultrai.updates import SentColumnsMixin


class EmailTaken(DomainError):
    code = "email_taken"


@contextmanager
def unless_email_taken() -> Iterator[None]:
    """The database decides, also in a race. Raises EmailTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise EmailTaken("An account with this email address exists already.") from None


class EmailField(serializers.EmailField):
    """An address in lower case; its length is judged as it is stored."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).lower()


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=128,
            trim_whitespace=False,
            write_only=True,
            style={"input_type": "password"},
            **kwargs,
        )


class NewPasswordField(PasswordField):
    """A password to be set; `checked_password` judges more than its length, which clients can."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=settings.PASSWORD_MIN_LENGTH, **kwargs)


class UserSerializer(ChosenFieldsMixin, RowSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "username", "created_at"]
        read_only_fields = fields


class ProfileSerializer(SentColumnsMixin[User], serializers.ModelSerializer[User]):
    """What users change about themselves. A new email needs the password: it is the login."""

    email = EmailField(max_length=255, required=False)
    current_password = PasswordField(required=False)

    class Meta:
        model = User
        fields = ["username", "email", "current_password"]

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        password = validated_data.pop("current_password", "")
        old, new = instance.email, validated_data.get("email", instance.email)
        if new != old:
            require_password(instance, password)
        with unless_email_taken():
            user = super().update(instance, validated_data)
            if new != old:
                mail_email_changed.defer(old=old, new=new, **carried())
        return user


class RegistrationSerializer(serializers.ModelSerializer[User]):
    # Declared, so that DRF adds no query for uniqueness: the database decides, also in a race.
    email = EmailField(max_length=255)
    password = NewPasswordField()

    class Meta:
        model = User
        fields = ["email", "username", "password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = User(email=attrs["email"], username=attrs["username"])
        checked_password(attrs["password"], user, "password")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        with unless_email_taken():
            return User.objects.create_user(**validated_data)


class LoginSerializer(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=255)
    password = PasswordField()


class RefreshSerializer(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(max_length=4_000)


class TokenPairSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    refresh_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")


class PasswordChangeSerializer(serializers.Serializer[Any]):
    current_password = PasswordField()
    new_password = NewPasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = signed_in(self.context["request"])
        checked_password(attrs["new_password"], user, "new_password")
        return attrs


class PasswordResetSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=255)


class PasswordResetConfirmSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200, help_text="From the mail.")
    new_password = NewPasswordField()


class ErasureSerializer(serializers.Serializer[Any]):
    password = PasswordField()


class ReceiptSerializer(serializers.Serializer[Any]):
    erased = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many rows of which table."
    )


class MessageSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


class SessionSerializer(ChosenFieldsMixin, RowSerializer[Session]):
    is_current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ["id", "client", "created_at", "last_used_at", "expires_at", "is_current"]
        read_only_fields = fields

    def get_is_current(self, session: Session) -> bool:
        return bool(session == self.context["request"].auth)


class PersonalAccessTokenSerializer(ChosenFieldsMixin, RowSerializer[PersonalAccessToken]):
    """A token as lists show it: never its secret."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(PersonalAccessToken.Scope.choices), min_length=1
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="Absent or null: never."
    )

    class Meta:
        model = PersonalAccessToken
        fields = ["id", "name", "scopes", "hint", "created_at", "last_used_at", "expires_at"]
        read_only_fields = ["hint", "created_at", "last_used_at"]

    def validate_scopes(self, value: list[str]) -> list[str]:
        return sorted(set(value))

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This is in the past.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        maker = self.context["request"].auth
        if isinstance(maker, PersonalAccessToken):
            # A token makes none that may do more than itself, or that outlives it.
            if not set(attrs["scopes"]) <= set(maker.scopes):
                raise serializers.ValidationError({"scopes": "More than this token's own."})
            if maker.expires_at and (attrs["expires_at"] or maker.expires_at) > maker.expires_at:
                raise serializers.ValidationError({"expires_at": "Later than this token's own."})
            attrs["expires_at"] = attrs["expires_at"] or maker.expires_at
        return attrs


class NewPersonalAccessTokenSerializer(PersonalAccessTokenSerializer):
    token = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(PersonalAccessTokenSerializer.Meta):
        fields = [*PersonalAccessTokenSerializer.Meta.fields, "token"]


class VerificationSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    user_id = serializers.IntegerField()
    email = serializers.EmailField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the token ends; null: never."
    )


class GreetedUserSerializer(RowSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "username"]


class GreetingSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    user = GreetedUserSerializer()
