"""How often one user or one address may ask, and whose address it is.

Rates are settings (`THROTTLE_*`). Counters live in the cache: shared when there is a Redis,
each process its own otherwise.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


def client_address(request: HttpRequest) -> str:
    """Return the address the request came from, as our own proxies saw it.

    With TRUSTED_PROXY_HOPS = n it is the nth from the right of X-Forwarded-For: what stands
    further left was written by the client and proves nothing. An IPv6 client is its /64 network:
    it can choose the rest freely.
    """
    address = request.META.get("REMOTE_ADDR", "")
    hops = settings.TRUSTED_PROXY_HOPS
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if hops and len(forwarded) >= hops:
        address = forwarded[-hops].strip()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6 and not parsed.ipv4_mapped:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


@dataclass(frozen=True, slots=True)
class Window:
    """What is left of a rate in the current window."""

    scope: str
    limit: int
    seconds: int
    used: int
    ends_in: float  # seconds

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit


def count(scope: str, identity: str) -> Window | None:
    """Count one request; None when the rate is off."""
    rate = settings.THROTTLES[scope]
    if rate is None:
        return None
    now = time.time()
    number = int(now // rate.seconds)
    used = increase(counter_key(scope, identity, number), rate.seconds + 1)
    return Window(scope, rate.requests, rate.seconds, used, (number + 1) * rate.seconds - now)


def increase(key: str, seconds: int) -> int:
    """Count up a counter that lasts this long from its first count; return its new value."""
    cache.add(key, 0, timeout=seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # it ran out in between: this is the first of the next
        cache.add(key, 1, timeout=seconds)
        return 1


def counter_key(scope: str, identity: str, *rest: object) -> str:
    """Return a cache key that holds no personal data and no characters a cache refuses."""
    digest = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32]
    return ":".join(["throttle", scope, digest, *map(str, rest)])


class Throttle(BaseThrottle):
    """A rate for one kind of request; `scope` names it in THROTTLES."""

    scope = ""
    window: Window | None = None

    def identity(self, request: Request) -> str:
        return client_address(request._request)  # noqa: SLF001  DRF's request wraps Django's

    def allow_request(self, request: Request, view: object) -> bool:
        self.window = count(self.scope, self.identity(request))
        if self.window is None:
            return True
        request._request.rate_limit = self.window  # type: ignore[attr-defined]  # noqa: SLF001
        return not self.window.is_exceeded

    def wait(self) -> float | None:
        return self.window.ends_in if self.window else None


class GeneralThrottle(Throttle):
    """Every endpoint: by user, and by address where nobody is logged in."""

    def allow_request(self, request: Request, view: object) -> bool:
        self.scope = "user" if request.user.is_authenticated else "address"
        return super().allow_request(request, view)

    def identity(self, request: Request) -> str:
        return str(request.user.pk) if request.user.is_authenticated else super().identity(request)


class RegisterThrottle(Throttle):
    scope = "register"


class PasswordResetThrottle(Throttle):
    scope = "password_reset"


def rate_limit_headers(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Tell clients where they stand (draft-ietf-httpapi-ratelimit-headers-10)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        window: Window | None = getattr(request, "rate_limit", None)
        if window:
            left = max(0, window.limit - window.used)
            response["RateLimit-Policy"] = f'"{window.scope}";q={window.limit};w={window.seconds}'
            response["RateLimit"] = f'"{window.scope}";r={left};t={int(window.ends_in) + 1}'
        return response

    return middleware
