"""`Idempotency-Key`: when two requests are the same, and how an answer is kept that nobody reads.

As draft-ietf-httpapi-idempotency-key-header has it. The rows and the transaction are
`accounts.idempotency`'s, which a setting names.
"""

import hashlib
import hmac
import json
import os
import re
import zlib
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from ultrai.exceptions import DomainError
from ultrai.parsing import sha256_of

HEADER = "HTTP_IDEMPOTENCY_KEY"  # as WSGI calls it
LONGEST_KEY = 255
VALID_KEY = rf"[!-~]{{1,{LONGEST_KEY}}}"
NONCE_BYTES = 12
PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": f"^{VALID_KEY}$"},
    OpenApiParameter.HEADER,
    description="Sent twice, it is done once and answered twice alike, for 24 hours.",
)


class BadKey(DomainError):
    code = "bad_idempotency_key"


class KeyReused(DomainError):
    status = 409
    code = "idempotency_key_reused"


class InProgress(DomainError):
    status = 409
    code = "idempotency_in_progress"
    retry_after = 1


class KeyedRequest:
    """A request with an `Idempotency-Key`, under names that tell nothing of either.

    All of them come from one secret: of SECRET_KEY, of who asks, and of the client's key, which is
    stored nowhere. Raises BadKey, and what reading the body raises.
    """

    def __init__(self, request: Request) -> None:
        key = request.META[HEADER]
        if not re.fullmatch(VALID_KEY, key):
            raise BadKey(f"An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.")
        self.user_id: int | None = request.user.pk
        sha256 = hashlib.sha256(content_of(request)).hexdigest()
        # Where nobody is logged in, a key is its request's: it says nothing about another's.
        owner = self.user_id or sha256
        self.secret = salted_hmac(
            "ultrai.idempotency", json.dumps([owner, key]), algorithm="sha256"
        ).digest()
        self.name = self.derived(b"name").hex()
        self.fingerprint = self.derived(f"request {sha256}".encode()).hex()

    def derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self.secret, purpose, "sha256")

    @property
    def lock(self) -> int:
        """A number for PostgreSQL's advisory locks."""
        return int.from_bytes(self.derived(b"lock")[:8], signed=True)

    def seal(self, answer: bytes) -> bytes:
        """Encrypt what may hold a token or a secret, which is shown once and kept nowhere."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, zlib.compress(answer), None)

    def unseal(self, sealed: bytes | memoryview) -> bytes:
        return zlib.decompress(
            self.cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        )

    @property
    def cipher(self) -> AESGCM:
        return AESGCM(self.derived(b"answer"))


def content_of(request: Request) -> bytes:
    """All that makes a request this one: method, address with its query, and body."""
    data = request.data
    if isinstance(data, QueryDict):  # a form
        data = {name: [described(value) for value in values] for name, values in data.lists()}
    try:
        content = json.dumps([request.method, request.get_full_path(), data], sort_keys=True)
    except RecursionError:
        raise exceptions.ParseError("The JSON is nested too deeply.") from None
    return content.encode()


def described(value: Any) -> Any:
    if isinstance(value, UploadedFile):
        return [value.name, value.size, value.content_type, sha256_of(value)]
    return value
