"""Changing a password, and getting in again without it."""

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.encoding import force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from rest_framework import serializers

from accounts.guard import Tries
from accounts.jobs import mail_password_changed
from accounts.models import User
from ultrai.exceptions import DomainError
from ultrai.tracing import carried


class InvalidResetToken(DomainError):
    code = "invalid_reset_token"


class WrongPassword(DomainError):
    status = 403
    code = "wrong_password"


def checked_password(password: str, user: User, field: str) -> str:
    """Return the password when it is good enough. Raises DRF's ValidationError for `field`."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({field: error.messages}) from None
    return password


def require_password(user: User, password: str) -> None:
    """Raises WrongPassword: a stolen token alone must not change who owns the account.

    Guesses are slowed down as at the login. Raises TooManyAttempts.
    """
    tries = Tries("login", f"the password of user {user.pk}")
    tries.count()
    if not user.check_password(password):
        raise WrongPassword("The current password is wrong.")
    tries.forget()


@transaction.atomic
def replace_password(user: User, password: str) -> None:
    """Set a checked password, end every session and token, and tell the user by mail."""
    user.set_password(password)
    user.save(update_fields=["password", "updated_at"])
    mail_password_changed.defer(user_id=user.pk, **carried())


def reset_token(user: User) -> str:
    """Return what the mail carries: good for an hour, and until the password or a login changes."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return f"{uid}.{default_token_generator.make_token(user)}"


def user_of_reset_token(token: str) -> User:
    """Raises InvalidResetToken, whatever is wrong with it."""
    uid, _, secret = token.partition(".")
    try:
        user = User.objects.filter(pk=int(force_str(urlsafe_base64_decode(uid)))).first()
    except ValueError:
        user = None
    is_good = user is not None and user.is_active
    if not is_good or not default_token_generator.check_token(user, secret):
        raise InvalidResetToken("The token is not valid, or not any more. Ask for a new one.")
    assert user is not None
    return user
