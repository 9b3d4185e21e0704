"""What the schema generator cannot see: the shape of errors, and which operations have them."""

from typing import Any

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
    "401": "No valid access token.",
    "404": "There is no such object, or it is somebody else's.",
    "413": "The body is too large.",
    "415": "The media type is not one this endpoint reads.",
    "503": "The database is away; try again after `Retry-After` seconds.",
}


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the problem responses that each operation can give (a drf-spectacular hook)."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            statuses = {"503"} if not path.startswith("/health") and path != "/" else set()
            if "requestBody" in operation:
                statuses |= {"400", "413", "415"}
            if operation.get("parameters") and "{" not in path:
                statuses.add("400")
            # Login and refresh need no token, and still answer 401 to a wrong one.
            if operation.get("security") or path in {"/auth/login", "/auth/refresh"}:
                statuses.add("401")
            if "{" in path:
                statuses.add("404")
            for status in sorted(statuses):
                operation["responses"].setdefault(
                    status, {"description": DESCRIPTIONS[status], "content": content}
                )
    return result
