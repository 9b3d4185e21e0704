"""What the schema generator cannot see: the shape of errors, and which operations have them."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from rest_framework import serializers

from ultrai import idempotency
from ultrai.operations import find

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document: every error of every endpoint.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
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
        "request_id": {
            "type": "string",
            "description": "Names this request in our logs; also in X-Request-ID.",
        },
    },
}
DESCRIPTIONS = {
    "400": "The request is not valid; `errors` has the messages by field.",
    "401": "No valid access token; at login and refresh: wrong credentials.",
    "402": "The models would cost more than is allowed; `detail` has the figures.",
    "403": "The token does not have the scope for it, or the password is wrong.",
    "404": "There is no such object, or it is somebody else's.",
    "408": "The body came too slowly, or stood still; send it again.",
    "409": "It does not go with what is there; `code` says why.",
    "411": "The body came in chunks: send a Content-Length.",
    "412": "It was changed since you read it; nothing was done. GET it again.",
    "413": "The body is too large.",
    "415": "The media type is not one this endpoint reads.",
    "416": "The file has no bytes in this range.",
    "429": "Too many requests; try again after `Retry-After` seconds.",
    "503": "The database is away or took too long, or too many uploads come in; try again after "
    "`Retry-After` seconds.",
    "507": "The quota is used up; `detail` has the figures.",
}


class Schema(AutoSchema):
    """drf-spectacular's, with names of our own (`ultrai.operations`) and with what it leaves out:
    the body of a DELETE, text that is not blank."""

    def get_operation_id(self) -> str:
        return find(self.method, self.path).name

    def get_override_parameters(self) -> list[Any]:
        view: Any = self.view
        once = [idempotency.PARAMETER] if self.method == "POST" else []
        return [*super().get_override_parameters(), *view.shared_parameters(), *once]

    def get_summary(self) -> str:
        return find(self.method, self.path).summary

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's, not DRF's
        """What the operation itself says; drf-spectacular falls back on what its view does."""
        action: str = self.view.action  # type: ignore[attr-defined]  # all views are viewsets
        return str(get_doc(getattr(self.view, action)))

    def get_tags(self) -> list[str]:
        return [find(self.method, self.path).tag]

    def _get_request_body(self, direction: Any = "request") -> Any:
        named = self.get_request_serializer() if self.method == "DELETE" else None
        if not isinstance(named, type):  # only extend_schema names a class here
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        schema, is_required = self._get_request_for_media_type(named, direction)  # type: ignore[no-untyped-call]
        return {"content": {"application/json": {"schema": schema}}, "required": is_required}

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if getattr(serializer, "refuses_unknown_fields", False):
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        if field.read_only:  # in no request: it needs no component of one
            direction = "response"
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        is_trimmed = isinstance(field, serializers.CharField) and field.trim_whitespace
        if is_trimmed and "minLength" in schema and "format" not in schema:
            schema.setdefault("pattern", r"\S")  # what is left after trimming must not be empty
        if isinstance(field, serializers.DecimalField) and field.min_value == 0:
            schema["pattern"] = schema["pattern"].replace("^-?", "^")
        # Any value or null: as it stands here null is both, which `oneOf` forbids.
        if schema.get("oneOf") == [{}, {"type": "null"}]:
            del schema["oneOf"]
        return schema


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the problem responses that each operation can give (a drf-spectacular hook)."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                answer["description"] = answer["description"] or HTTPStatus(int(status)).phrase
            found = problems_of(path, method, operation)
            if is_download(operation):
                found |= {"412", "416"}
            elif method in {"put", "patch", "delete"} and is_tagged(path, operations):
                found.add("412")
            for status in sorted(found):
                operation["responses"].setdefault(
                    status, {"description": DESCRIPTIONS[status], "content": content}
                )
    return result


def problems_of(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    """Return the statuses of the errors that this operation can answer with."""
    is_closed = "security" in operation
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    rules = {
        ("400", "408", "411", "413", "415"): "requestBody" in operation,
        # A personal access token is no session to log out of.
        ("400",): bool(places & {"query", "header"}) or path == "/auth/logout",
        # Login and refresh need no token, and still answer 401 to a wrong one.
        ("401",): is_closed or path in {"/auth/login", "/auth/refresh"},
        ("402",): path.startswith("/analyses") and "202" in operation["responses"],
        ("403",): is_closed,
        ("404",): "{" in path,
        ("409",): method == "post" or (is_closed and method != "get") or "/pages/" in path,
        ("507",): "multipart/form-data" in operation.get("requestBody", {}).get("content", {}),
        ("429", "503"): not path.startswith("/health") and path != "/",
    }
    return {status for statuses, holds in rules.items() if holds for status in statuses}


CONDITIONS = {
    "If-Match": "Tags from `ETag`: a 412 unless it still has one of these. `*` is any.",
    "If-None-Match": "Tags from `ETag`: a 304 without a body if it still has one of these.",
    "Range": "Some of the bytes: `bytes=0-1023`, `bytes=1024-`, `bytes=-1024`.",
    "If-Range": "The `ETag` that the range is of: if it has another one, all bytes are sent.",
}
ETAG = {
    "description": "Names what it is now, for `If-None-Match` and `If-Match`.",
    "schema": {"type": "string"},
    "example": '"5c8c1a2f6f0b4d0e9a7f3b1c2d4e6f80"',
}
NOT_MODIFIED = {
    "description": "It is as the tag in `If-None-Match` says: you have it.",
    "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
}


def describe_conditions(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what `ultrai.conditional` does for all views (a drf-spectacular hook; it goes last,
    because those before it know no parameters that stand elsewhere)."""
    components = result["components"]
    components["headers"] = {"ETag": ETAG}
    components["parameters"] = {
        name: {"name": name, "in": "header", "schema": {"type": "string"}, "description": text}
        for name, text in CONDITIONS.items()
    }
    components["responses"]["NotModified"] = NOT_MODIFIED
    for path, operations in result["paths"].items():
        if not is_tagged(path, operations):
            continue
        for method, operation in operations.items():
            names: set[str] = set()
            responses = operation["responses"]
            if method == "get":
                names.add("If-None-Match")
                responses["304"] = {"$ref": "#/components/responses/NotModified"}
            if "412" in responses:
                names.add("If-Match")
            if is_download(operation):
                names |= CONDITIONS.keys()
                responses["206"] = {**responses["200"], "description": "The bytes of the range."}
            if method in {"get", "put", "patch"}:
                for status in {"200", "206"} & responses.keys():
                    headers = responses[status].setdefault("headers", {})
                    headers["ETag"] = {"$ref": "#/components/headers/ETag"}
            for name in sorted(names):
                reference = {"$ref": f"#/components/parameters/{name}"}
                operation.setdefault("parameters", []).append(reference)
            # What went well comes first.
            operation["responses"] = dict(sorted(responses.items(), key=lambda one: one[0] >= "4"))
    return result


def is_tagged(path: str, operations: dict[str, Any]) -> bool:
    """Whether a GET of this path has an `ETag`: streams have none, and no figures of the moment."""
    answer = operations.get("get", {}).get("responses", {}).get("200", {})
    is_whole = list(answer.get("content", ())) in (["application/json"], ["*/*"])
    return is_whole and not path.startswith("/health") and path != "/"


def is_download(operation: dict[str, Any]) -> bool:
    return "*/*" in operation["responses"].get("200", {}).get("content", {})
