"""JSON, written by one encoder wherever the service writes it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer as StandardRenderer
from rest_framework.utils.encoders import JSONEncoder

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_others = JSONEncoder().default  # decimals, lazy texts and the like, as DRF writes them


def digits(value: Any) -> Any:
    """Return a decimal as text, its digits only: `str` makes 0E-8 of nothing at all."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def to_json(data: Any) -> bytes:
    """Return compact JSON; times as ISO 8601, those in UTC with a Z."""
    try:
        return orjson.dumps(data, _others, OPTIONS)
    except orjson.JSONEncodeError:
        # Numbers of more than 64 bits, which JSON and JSONB know, and orjson does not.
        standard: bytes = StandardRenderer().render(data)
        return standard


class JSONRenderer(StandardRenderer):
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else to_json(data)
