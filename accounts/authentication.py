from datetime import UTC, datetime
from functools import lru_cache

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken, TokenError
from rest_framework_simplejwt.tokens import Token

from accounts.models import PersonalAccessToken, Session, User
from accounts.tokens import PREFIX, fingerprint
from ultrai.querysets import Parameter, Prepared

# One query answers all: the session lives, is this user's, and the user is active.
LIVING_SESSION = Prepared(
    lambda: (
        Session.objects.living(Parameter("now"))
        .select_related("user")
        .filter(pk=Parameter("pk"), user_id=Parameter("user_id"))
    )
)


# Clients send the same token for an hour: its signature is checked once, its end each time.
token_of = lru_cache(maxsize=2_000)(JWTAuthentication().get_validated_token)


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer ...` with an access token or a personal access token.

    `request.auth` is the Session or the PersonalAccessToken.
    """

    def __init__(self) -> None:
        """Without a look for the model of users: they come with what they are known by."""

    def authenticate(  # type: ignore[override]
        self, request: Request
    ) -> tuple[User, Session | PersonalAccessToken] | None:
        header = self.get_header(request)
        raw = self.get_raw_token(header) if header else None
        if raw is None:
            return None
        if raw.startswith(PREFIX.encode()):
            return self.by_personal_access_token(raw)
        session = self.session_of(self.get_validated_token(raw))
        return session.user, session

    def get_raw_token(self, header: bytes) -> bytes | None:
        # The scheme is not about capitals (RFC 9110, 11.1), and login answers with "bearer".
        scheme, _, rest = header.strip().partition(b" ")
        return super().get_raw_token(b"Bearer " + rest if scheme.lower() == b"bearer" else header)

    def get_validated_token(self, raw_token: bytes) -> Token:
        token = token_of(raw_token)
        try:
            token.check_exp(current_time=timezone.now())
        except TokenError as error:
            raise InvalidToken(str(error)) from None
        return token

    def session_of(self, token: Token) -> Session:
        try:
            session_id, user_id = int(token["session_id"]), int(token["user_id"])
        except (KeyError, TypeError, ValueError):
            raise InvalidToken("The token does not name a session.") from None
        session = LIVING_SESSION.first(pk=session_id, user_id=user_id, now=timezone.now())
        if session is None:
            raise AuthenticationFailed("The session has ended; log in again.", "session_ended")
        session.access_expires_at = datetime.fromtimestamp(token["exp"], UTC)
        Session.objects.note_use(session)
        return session

    def by_personal_access_token(self, raw: bytes) -> tuple[User, PersonalAccessToken]:
        living = PersonalAccessToken.objects.living().select_related("user")
        token = living.filter(sha256=fingerprint(raw)).first()
        if token is None:
            message = "This personal access token is not valid, or not any more."
            raise AuthenticationFailed(message, "token_ended")
        PersonalAccessToken.objects.note_use(token)
        return token.user, token


def signed_in(request: Request) -> User:
    """Return the user whom the permission classes have let in, as the type that it is."""
    assert isinstance(request.user, User)
    return request.user


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token of /auth/login, or a personal access token.",
        }
