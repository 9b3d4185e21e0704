"""What the schema generator cannot see: the shape of errors, and which operations have them."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document: every error of every endpoint.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "description": "A sentence a person can act on."},
        "code": {"type": "string", "description": "Stable.", "examples": ["not_found"]},
        "errors": {
            "type": "object",
            "additionalProperties": True,
            "description": "For code `invalid`: messages by field.",
        },
        "retry_after": {"type": "integer", "description": "Seconds; also in Retry-After."},
    },
}
DESCRIPTIONS = {
    "400": "The request is not valid; `errors` has the messages by field.",
    "401": "No valid access token; at login and refresh: wrong credentials.",
    "403": "The token does not have the scope for it, or the password is wrong.",
    "404": "There is no such object, or it is somebody else's.",
    "413": "The body is too large.",
    "415": "The media type is not one this endpoint reads.",
    "429": "Too many requests; try again after `Retry-After` seconds.",
    "503": "The database is away; try again after `Retry-After` seconds.",
}


class Schema(AutoSchema):
    """drf-spectacular's, with what it leaves out: the body of a DELETE, text that is not blank."""

    def _get_request_body(self, direction: Any = "request") -> Any:
        named = self.get_request_serializer() if self.method == "DELETE" else None
        if not isinstance(named, type):  # only extend_schema names a class here
            return super()._get_request_body(direction)
        schema, is_required = self._get_request_for_media_type(named, direction)
        return {"content": {"application/json": {"schema": schema}}, "required": is_required}

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        is_text = isinstance(field, serializers.CharField) and schema.keys() >= {"type", "minLength"}
        if is_text and field.trim_whitespace and "format" not in schema:
            schema.setdefault("pattern", r"\S")  # DRF trims it first, so blanks are no text
        return schema


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the problem responses that each operation can give (a drf-spectacular hook)."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in result["paths"].items():
        # DRF keeps a path's methods in a set: their order would be another one in each process.
        in_order = {method: operations.pop(method) for method in sorted(operations)}
        operations.update(in_order)
        for operation in operations.values():
            statuses = {"429", "503"} if not path.startswith("/health") and path != "/" else set()
            if "requestBody" in operation:
                statuses |= {"400", "413", "415"}
            if operation.get("parameters") and "{" not in path:
                statuses.add("400")
            # Login and refresh need no token, and still answer 401 to a wrong one.
            if operation.get("security") or path in {"/auth/login", "/auth/refresh"}:
                statuses.add("401")
            if operation.get("security"):
                statuses.add("403")
            if "{" in path:
                statuses.add("404")
            for status in sorted(statuses):
                operation["responses"].setdefault(
                    status, {"description": DESCRIPTIONS[status], "content": content}
                )
    return result
