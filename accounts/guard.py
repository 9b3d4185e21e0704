"""Guessing passwords gets slower and slower, and nobody can lock out somebody else.

Failures count per account and address, and per address. Beyond the free ones each further try has
to wait longer than the one before. The right password from another address is never held up.
"""

import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.http import HttpRequest

from accounts.models import User
from ultrai.exceptions import DomainError
from ultrai.querysets import Parameter, Prepared
from ultrai.throttling import client_address, counter_key, increase

LONGEST_DELAY_SECONDS = 15 * 60
USER = Prepared(lambda: User.objects.filter(pk=Parameter("pk")))


class TooManyAttempts(DomainError):
    status = 429
    code = "too_many_attempts"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed logins. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class GuardedBackend(ModelBackend):
    """Django's own check of email and password, behind the guard: for the API and the admin."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Raises TooManyAttempts, without looking at the password."""
        if request is None:  # no client is asking: tests, management commands
            return super().authenticate(request, username, password, **kwargs)
        address = client_address(request)
        account = Tries("login", f"{(username or '').lower()} from {address}")
        anyone = Tries("login_address", address)
        # Counted before the password is checked: parallel guesses do not slip through together.
        anyone.count()
        account.count()
        user = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            account.forget()
            anyone.uncount()  # only this one: a valid account must not wipe out guesses at others
        return user

    def get_user(self, user_id: int) -> User | None:
        user = USER.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


class Tries:
    """Failed tries of one identity; `scope` names the rate of free ones in THROTTLES."""

    def __init__(self, scope: str, identity: str) -> None:
        self.rate = settings.THROTTLES[scope]
        self.counter = counter_key(scope, identity)
        self.slot = counter_key(scope, identity, "slot")

    def count(self) -> None:
        if self.rate is None:
            return
        beyond = increase(self.counter, self.rate.seconds) - self.rate.requests
        if beyond <= 0:
            return
        delay = min(2**beyond, LONGEST_DELAY_SECONDS)
        # One try for each delay: of parallel ones, the one that takes the slot.
        if not cache.add(self.slot, time.time() + delay, timeout=delay):
            self.uncount()
            ends = cache.get(self.slot) or 0
            raise TooManyAttempts(max(1, round(ends - time.time())))

    def uncount(self) -> None:
        if self.rate is not None:
            with suppress(ValueError):  # it ran out meanwhile
                cache.decr(self.counter)

    def forget(self) -> None:
        if self.rate is not None:
            cache.delete_many([self.counter, self.slot])
