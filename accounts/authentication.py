from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.tokens import Token

from accounts.models import User


class SessionJWTAuthentication(JWTAuthentication):
    """`Authorization: Bearer ...` with an access token whose session still exists."""

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        try:
            user_id = int(validated_token["user_id"])
            session_id = int(validated_token["session_id"])
        except (KeyError, TypeError, ValueError):
            raise InvalidToken("The token does not name a session.") from None
        # One query answers all: the session exists, is the user's, and the user is active.
        user = User.objects.filter(
            pk=user_id,
            is_active=True,
            sessions=session_id,
            sessions__expires_at__gt=timezone.now(),
        ).first()
        if user is None:
            raise AuthenticationFailed("The session has ended; log in again.", "session_ended")
        return user


def signed_in(request: Request) -> User:
    """Return the user whom the permission classes have let in, as the type that it is."""
    assert isinstance(request.user, User)
    return request.user


class SessionJWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SessionJWTAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
