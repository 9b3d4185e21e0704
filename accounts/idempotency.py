"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice alike."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from ultrai.exceptions import DomainError
from ultrai.idempotency import InProgress, KeyedRequest, KeyReused
from ultrai.rendering import to_json

LIFETIME = timedelta(hours=24)
KEPT_HEADERS = ("Location",)
REFUSALS = (DomainError, APIException, Http404, PermissionDenied)


class IdempotencyKey(models.Model):
    """A key, the request it came with, and the answer that was given: none of it can be read."""

    # Null where nobody is logged in: at registration, login and the like.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DB_CASCADE,
        related_name="idempotency_keys",
        db_index=False,  # one_key_a_user serves it
    )
    key = models.CharField(max_length=255)  # KeyedRequest.name
    request_sha256 = models.CharField(max_length=64)  # KeyedRequest.fingerprint
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    answer = models.BinaryField(null=True)  # the body, sealed
    created_at = models.DateTimeField(db_default=Now(), db_index=True)  # the old are deleted by it

    class Meta:
        app_label = "accounts"
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="one_key_a_user"),
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(user=None), name="one_key_of_nobody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id}"


def do_once(
    handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
) -> Response:
    """Have a view's handler answer a request with an `Idempotency-Key`, or its first answer.

    The answer and the work commit together. Errors are not kept: they may be mended. Raises
    BadKey, KeyReused, InProgress, and what the handler raises.
    """
    keyed = KeyedRequest(request)
    refusal = None
    with transaction.atomic():
        if not is_first(keyed):
            raise InProgress("A request with this Idempotency-Key is being answered just now.")
        row = IdempotencyKey.objects.filter(user=keyed.user_id, key=keyed.name).first()
        if row and row.created_at < timezone.now() - LIFETIME:
            row.delete()
        elif row:
            return first_answer(row, keyed)
        try:
            response = handler(request, *args, **kwargs)
        except REFUSALS as error:
            # What was written before it stays, as it does without a key: a session that a spent
            # refresh token has ended.
            refusal = error
        else:
            if response.status_code < 400:
                keep(response, keyed)
    if refusal:
        raise refusal
    return response


def is_first(keyed: KeyedRequest) -> bool:
    """Whether no other request has this key just now. One that waits would take a thread."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [keyed.lock])
        return bool(cursor.fetchone()[0])


def keep(response: Response, keyed: KeyedRequest) -> None:
    IdempotencyKey.objects.create(
        user_id=keyed.user_id,
        key=keyed.name,
        request_sha256=keyed.fingerprint,
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        answer=keyed.seal(to_json(response.data)),
    )


def first_answer(row: IdempotencyKey, keyed: KeyedRequest) -> Response:
    if row.request_sha256 != keyed.fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request.")
    assert row.answer is not None  # this version's rows, which alone have such names, have one
    return Response(
        json.loads(keyed.unseal(row.answer)),
        status=row.status,
        headers={**row.headers, "Idempotency-Replayed": "true"},
    )
