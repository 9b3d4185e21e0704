"""Sessions and the JWTs that name them; personal access tokens.

Both tokens carry the session's id. An access token counts while the session's row exists; a
refresh token counts once, while the row names its `jti`. (Stock simplejwt lets several of eight
racing refreshes through, and keeps refresh tokens alive past a change of password.)
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import PersonalAccessToken, Session, User
from ultrai.exceptions import DomainError

# Recognisable, so that secret scanners find one that was published by mistake.
PREFIX = "ultrai_pat_"


class InvalidRefreshToken(DomainError):
    status = 401
    code = "invalid_refresh_token"


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int  # seconds until the access token ends
    token_type: str = "bearer"  # noqa: S105  the scheme's name


def start_session(user: User, *, client: str = "") -> TokenPair:
    """Log the user in: a new session and its first pair of tokens."""
    session = Session.objects.create(
        user=user,
        client=client[:200],
        expires_at=timezone.now() + api_settings.REFRESH_TOKEN_LIFETIME,
    )
    return _token_pair(session)


def refresh_session(token: str) -> TokenPair:
    """Exchange a refresh token for a new pair, once. A spent one ends its session.

    Raises InvalidRefreshToken, whatever is wrong with the token.
    """
    try:
        claims = RefreshToken(token)  # type: ignore[arg-type]  # the stubs want a Token
        session_id, jti = int(claims["session_id"]), str(uuid.UUID(claims["jti"]))
    except (TokenError, KeyError, TypeError, ValueError):
        raise InvalidRefreshToken("The refresh token is not valid; log in again.") from None
    session = Session.objects.living().filter(pk=session_id).first()
    if session is None:
        raise InvalidRefreshToken("The session has ended; log in again.")
    # Longer with each use, but never past the session's greatest age.
    expires_at = min(
        timezone.now() + api_settings.REFRESH_TOKEN_LIFETIME,
        session.created_at + settings.SESSION_LIFETIME,
    )
    if not session.rotate(spent=jti, expires_at=expires_at):
        # Someone holds a copy of a token that was used before: neither holder can be trusted
        # (RFC 9700, section 4.14.2).
        session.delete()
        raise InvalidRefreshToken("This refresh token was used before; log in again.")
    return _token_pair(session)


def _token_pair(session: Session) -> TokenPair:
    refresh = RefreshToken()
    refresh["jti"] = session.refresh_jti.hex
    access = AccessToken()
    for token in (refresh, access):
        token[api_settings.USER_ID_CLAIM] = str(session.user_id)
        token["session_id"] = session.pk
    return TokenPair(
        access_token=str(access),
        refresh_token=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


def make_personal_access_token(
    *, user: User, name: str, scopes: Sequence[str], expires_at: datetime | None
) -> tuple[PersonalAccessToken, str]:
    """Return the stored token and its secret, which is nowhere else: only its hash is kept."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = PersonalAccessToken.objects.create(
        user=user,
        name=name,
        scopes=list(scopes),
        hint=secret[: len(PREFIX) + 4],
        sha256=fingerprint(secret.encode()),
        expires_at=expires_at,
    )
    return token, secret


def fingerprint(secret: bytes) -> str:
    """SHA-256: the secret has 256 random bits, so nothing slower is needed to protect it."""
    return hashlib.sha256(secret).hexdigest()
