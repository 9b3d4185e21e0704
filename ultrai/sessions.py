"""The admin's sessions: Django's, found by a query that the server has prepared."""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from ultrai.querysets import Parameter, Prepared

LIVING = Prepared(
    lambda: DatabaseStore.get_model_class().objects.filter(
        session_key=Parameter("key"), expire_date__gt=Parameter("now")
    )
)


# With Redis they are kept there for a while; the database has them all the same.
class SessionStore(CachedStore if settings.REDIS_URL else DatabaseStore):  # type: ignore[misc]
    def _get_session_from_db(self) -> Any:
        found = LIVING.first(key=self.session_key, now=timezone.now())
        if found is None:
            self._session_key = None  # as Django does it
        return found
