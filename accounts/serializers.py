from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from rest_framework import serializers

from accounts.models import User
from ultrai.exceptions import DomainError


class EmailTaken(DomainError):
    code = "email_taken"


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=128,
            trim_whitespace=False,
            write_only=True,
            style={"input_type": "password"},
            **kwargs,
        )


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "username", "created_at"]
        read_only_fields = fields


class RegistrationSerializer(serializers.ModelSerializer[User]):
    # Declared, so that DRF adds no query for uniqueness: the database decides, also in a race.
    email = serializers.EmailField(max_length=255)
    password = PasswordField()

    class Meta:
        model = User
        fields = ["email", "username", "password"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(
                attrs["password"], User(email=attrs["email"], username=attrs["username"])
            )
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        try:
            with transaction.atomic():
                return User.objects.create_user(**validated_data)
        except IntegrityError:
            raise EmailTaken("An account with this email address exists already.") from None


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


class VerificationSerializer(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    user_id = serializers.IntegerField()
    email = serializers.EmailField()
    expires_at = serializers.DateTimeField(help_text="When the access token ends.")


class GreetedUserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "username"]


class GreetingSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    user = GreetedUserSerializer()
