"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice alike.

As draft-ietf-httpapi-idempotency-key-header has it. The key's row and the work commit together:
of two requests at once the second waits for the first, and then gets its answer.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from ultrai.exceptions import DomainError

LIFETIME = timedelta(hours=24)
LONGEST_KEY = 255
VALID_KEY = rf"[!-~]{{1,{LONGEST_KEY}}}"
KEPT_HEADERS = ("Location",)


class KeyReused(DomainError):
    status = 409
    code = "idempotency_key_reused"


class BadKey(DomainError):
    code = "bad_idempotency_key"


class IdempotencyKey(models.Model):
    """A key, the request it came with, and the answer that was given."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DB_CASCADE,
        related_name="idempotency_keys",
        db_index=False,  # one_key_a_user serves it
    )
    key = models.CharField(max_length=LONGEST_KEY)
    request_sha256 = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)  # the old are deleted by it

    class Meta:
        app_label = "accounts"
        db_table = "idempotency_keys"
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_key_a_user")]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id}"


def idempotent(view: Callable[..., Response]) -> Callable[..., Response]:
    """Have a view's POST honour `Idempotency-Key`. Errors are not kept: they may be mended."""

    @functools.wraps(view)
    def wrapper(viewset: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        from accounts.authentication import signed_in  # it imports the models, and they this

        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(viewset, request, *args, **kwargs)
        if not re.fullmatch(VALID_KEY, key):
            raise BadKey(f"An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.")
        content = json.dumps([request.method, request.path, request.data], sort_keys=True)
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        user = signed_in(request)
        mine = IdempotencyKey.objects.filter(user=user, key=key)
        mine.filter(created_at__lt=timezone.now() - LIFETIME).delete()
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(user=user, key=key, request_sha256=sha256)
                response = view(viewset, request, *args, **kwargs)
                row.status = response.status_code
                row.headers = {n: response[n] for n in KEPT_HEADERS if n in response}
                row.body = json.loads(viewset.renderer_classes[0]().render(response.data) or "null")
                row.save()
                return response
        except IntegrityError:
            if (first := mine.first()) is None:
                raise  # something else was violated
        if first.request_sha256 != sha256:
            raise KeyReused("This Idempotency-Key was used for another request.")
        return Response(
            first.body,
            status=first.status,
            headers={**first.headers, "Idempotency-Replayed": "true"},
        )

    return wrapper
