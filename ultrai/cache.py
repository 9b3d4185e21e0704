"""A shared cache that is never missed: while Redis is away, each process has its own."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
SESSION_SECONDS = 60


def with_fallback(name: str) -> Callable[..., Any]:
    """Return the method `name`: Redis's, or the process's own cache's while Redis is away."""
    ask_redis = getattr(RedisCache, name)

    @functools.wraps(ask_redis)
    def method(self: "FallbackRedisCache", *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= self.away_until:
            try:
                return ask_redis(self, *args, **kwargs)
            except RedisError as error:
                logger.warning("Redis is away, caching in memory: %s", type(error).__name__)
                self.away_until = time.monotonic() + RETRY_AFTER_SECONDS
        return getattr(self.fallback, name)(*args, **kwargs)

    return method


class FallbackRedisCache(RedisCache):
    """Django's Redis cache; an error of Redis's moves to memory for a few seconds."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.fallback: BaseCache = LocMemCache("redis-fallback", {"MAX_ENTRIES": 100_000})
        self.away_until = 0.0

    def ping(self) -> bool:
        """Whether Redis itself answers."""
        try:
            return bool(self._cache.get_client().ping())
        except RedisError:
            return False

    add = with_fallback("add")
    get = with_fallback("get")
    set = with_fallback("set")
    touch = with_fallback("touch")
    delete = with_fallback("delete")
    get_many = with_fallback("get_many")
    has_key = with_fallback("has_key")
    incr = with_fallback("incr")
    set_many = with_fallback("set_many")
    delete_many = with_fallback("delete_many")
    clear = with_fallback("clear")


class SessionCache(FallbackRedisCache):
    """For sessions that are in the database: while Redis is away, they are read there.

    A process's memory would keep a session that another process has ended; and Redis, if it comes
    back with its data, one that ended meanwhile. So there is no memory, and Redis forgets soon.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.fallback = DummyCache("", {})

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        return super().set(key, value, SESSION_SECONDS, version)
