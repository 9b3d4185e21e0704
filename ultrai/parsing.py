"""How a body is read: what is too large, too deep, or unfit for PostgreSQL is refused here."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from django.conf import settings
from django.core.files.base import File
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class PayloadTooLarge(exceptions.APIException):
    status_code = 413
    default_code = "payload_too_large"


ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names the same key twice")
    return result


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 means it, of bounded size and depth, and fit for PostgreSQL.

    DRF's own parser reads a body of any size, answers 100,000 nested brackets with a 500, and
    lets NUL and lone surrogates through, which PostgreSQL refuses in text and in JSONB.
    """

    media_type = "application/json"
    max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(self.max_bytes + 1)
        if len(body) > self.max_bytes:
            raise PayloadTooLarge(
                f"A JSON body may have {self.max_bytes:,} bytes; "
                "upload larger documents as multipart/form-data."
            )
        try:
            text = body.decode()
            data = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=unique_keys)
            if "\\u" in text:  # only an escape can write NUL or half a surrogate pair
                plain = json.dumps(data, ensure_ascii=False)
                plain.encode()  # refuses surrogates
                if ESCAPED_NUL.search(plain):
                    raise ValueError("text must not contain NUL characters")
        except UnicodeError:
            raise exceptions.ParseError("The body has text that is not valid Unicode.") from None
        except RecursionError:
            raise exceptions.ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not valid JSON: {error}.") from None
        return data


def sha256_of(file: File) -> str:
    """Return the hash of the file's bytes, which are read once however often it is asked."""
    known: str | None = getattr(file, "sha256", None)
    if known is None:
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
        known = file.sha256 = digest.hexdigest()  # type: ignore[attr-defined]
    return known


class AlwaysJSON(BaseContentNegotiation):
    """The API speaks JSON whatever the Accept header says, so a browser sees it too."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
