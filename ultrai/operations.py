"""The API at a glance: every operation under its tag, in the order in which a newcomer needs them.

The names are those that generated clients give their functions, so they are a contract like the
paths: an operation may move in this list, and keeps its name. One that is missing here stops the
generation of the schema.
"""

from typing import Any, NamedTuple


class Group(NamedTuple):
    """Operations that belong together: by method and path their names and summaries."""

    tag: str
    description: str
    operations: dict[str, tuple[str, str]]


class Operation(NamedTuple):
    tag: str
    name: str
    summary: str


GROUPS = [
    Group(
        "accounts",
        "Register, log in, and who am I.",
        {
            "POST /auth/register": ("register", "Register"),
            "POST /auth/login": ("log_in", "Log in"),
            "POST /auth/refresh": ("refresh_tokens", "Stay logged in"),
            "GET /auth/me": ("get_me", "Who am I"),
            "PATCH /auth/me": ("update_me", "Change my name or email"),
            "GET /auth/verify": ("verify_token", "Does my token still count"),
            "GET /protected": ("get_protected", "Try a token"),
            "POST /auth/logout": ("log_out", "Log out"),
            "POST /auth/password/change": ("change_password", "Change my password"),
            "POST /auth/password/reset": ("request_password_reset", "Forgot my password"),
            "POST /auth/password/reset/confirm": (
                "confirm_password_reset",
                "Set a new password with the token from the mail",
            ),
            "GET /auth/me/export": ("export_my_data", "Take all my data along"),
            "DELETE /auth/me": ("erase_me", "Erase my account"),
        },
    ),
    Group(
        "documents",
        "Upload, search, read, rename, replace and delete documents.",
        {
            "POST /documents": ("upload_document", "Upload a document"),
            "GET /documents": ("list_documents", "List or search documents"),
            "GET /documents/{id}": ("get_document", "Read a document"),
            "GET /documents/{id}/pages/{number}": ("get_document_page", "Read one page"),
            "GET /documents/{id}/file": ("download_document", "Download the original file"),
            "PATCH /documents/{id}": ("rename_document", "Rename a document"),
            "PUT /documents/{id}/file": ("replace_document_file", "Replace the file"),
            "GET /documents/{id}/versions": ("list_document_versions", "List earlier versions"),
            "GET /documents/{id}/versions/{number}": (
                "get_document_version",
                "Read an earlier version",
            ),
            "GET /documents/{id}/versions/{number}/file": (
                "download_document_version",
                "Download the file of an earlier version",
            ),
            "DELETE /documents/{id}/versions/{number}": (
                "delete_document_version",
                "Delete an earlier version",
            ),
            "POST /documents/{id}/extract": ("extract_document", "Read the file once more"),
            "DELETE /documents/{id}": ("delete_document", "Delete a document"),
            "POST /documents/delete": ("delete_documents", "Delete many documents"),
        },
    ),
    Group(
        "models",
        "The language models that can be asked.",
        {"GET /models": ("list_models", "List the models")},
    ),
    Group(
        "analyses",
        "Ask one prompt of many models, and read what comes back.",
        {
            "POST /analyses": ("create_analysis", "Ask"),
            "POST /analyses/estimate": ("estimate_analysis", "What would it cost"),
            "GET /analyses/{id}": ("get_analysis", "Read an analysis, or wait for it"),
            "GET /analyses/{id}/events": ("stream_analysis_events", "Follow an analysis"),
            "GET /analyses/{id}/export": ("export_analysis", "Export an analysis as a file"),
            "GET /analyses": ("list_analyses", "List or search analyses"),
            "GET /analyses/export": ("export_analyses", "Export many analyses as a file"),
            "POST /analyses/{id}/cancel": ("cancel_analysis", "Cancel an analysis"),
            "POST /analyses/{id}/retry": ("retry_analysis", "Retry what failed"),
            "POST /analyses/{id}/rerun": ("rerun_analysis", "Ask again, differently"),
            "DELETE /analyses/{id}": ("delete_analysis", "Delete an analysis"),
        },
    ),
    Group(
        "results",
        "Every response of every model, and those that you obtained yourself.",
        {
            "GET /results": ("list_results", "List or search results"),
            "GET /results/{id}": ("get_result", "Read a result"),
            "PATCH /results/{id}": ("rate_result", "Rate a result, or comment on it"),
            "POST /results": ("record_result", "Record a response of your own"),
        },
    ),
    Group(
        "webhooks",
        "Be told when an analysis has ended.",
        {
            "POST /webhooks": ("create_webhook", "Have an address told"),
            "GET /webhooks": ("list_webhooks", "List webhooks"),
            "GET /webhooks/{id}": ("get_webhook", "Read a webhook"),
            "PATCH /webhooks/{id}": ("update_webhook", "Change, disable or enable a webhook"),
            "POST /webhooks/{id}/test": ("test_webhook", "Send a test"),
            "POST /webhooks/{id}/rotate-secret": ("rotate_webhook_secret", "Get a new secret"),
            "DELETE /webhooks/{id}": ("delete_webhook", "Delete a webhook"),
            "GET /webhooks/{webhook_id}/deliveries": (
                "list_webhook_deliveries",
                "What was sent, and what came of it",
            ),
            "GET /webhooks/{webhook_id}/deliveries/{id}": (
                "get_webhook_delivery",
                "Read a delivery",
            ),
            "POST /webhooks/{webhook_id}/deliveries/{id}/redeliver": (
                "redeliver_webhook",
                "Send it once more",
            ),
        },
    ),
    Group(
        "access",
        "Tokens for scripts, and where you are logged in.",
        {
            "POST /auth/tokens": ("create_token", "Make a personal access token"),
            "GET /auth/tokens": ("list_tokens", "List personal access tokens"),
            "DELETE /auth/tokens/{id}": ("delete_token", "Delete a personal access token"),
            "GET /auth/sessions": ("list_sessions", "Where am I logged in"),
            "DELETE /auth/sessions/{id}": ("end_session", "Log out elsewhere"),
            "POST /auth/logout-all": ("log_out_everywhere", "Log out everywhere"),
        },
    ),
    Group(
        "service",
        "Is it alive, and what does it offer.",
        {
            "GET /": ("get_service", "What this is"),
            "GET /health": ("get_health", "How are its parts"),
            "GET /health/live": ("get_liveness", "Does the process answer"),
            "GET /health/ready": ("get_readiness", "Can it serve, and does the work get done"),
            "GET /health/database": ("get_database_health", "How is the database"),
        },
    ),
]


OPERATIONS = {
    where: Operation(group.tag, name, summary)
    for group in GROUPS
    for where, (name, summary) in group.operations.items()
}


def find(method: str, path: str) -> Operation:
    where = f"{method.upper()} {path}"
    if where not in OPERATIONS:
        raise LookupError(f"{where} has no name yet: give it one in ultrai/operations.py")
    return OPERATIONS[where]


def arrange(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put paths, methods and tags into this order (a drf-spectacular hook)."""
    found, result["paths"] = result["paths"], {}
    for where in OPERATIONS:
        method, path = where.split()
        result["paths"].setdefault(path, {})[method.lower()] = found[path].pop(method.lower())
    result["tags"] = [{"name": g.tag, "description": g.description} for g in GROUPS]
    return result
