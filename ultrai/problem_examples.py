"""The errors that the API's documentation shows: code, detail and what else is in the document."""

from typing import Any

# By status; the first fits everywhere.
PROBLEMS: dict[str, list[dict[str, Any]]] = {
    "401": [
        {"code": "not_authenticated", "detail": "Authentication credentials were not provided."},
        {"code": "token_not_valid", "detail": "Given token not valid for any token type"},
        {"code": "session_ended", "detail": "The session has ended; log in again."},
    ],
    "402": [
        {
            "code": "over_max_cost",
            "detail": "This may cost 0.1340 USD, more than `max_cost_usd` of 0.1000.",
        },
        {
            "code": "budget_exceeded",
            "detail": "This may cost 0.1340 USD. Of 20.00 USD this month 19.9012 are spent and "
            "0.0000 set aside.",
        },
    ],
    "403": [
        {
            "code": "permission_denied",
            "detail": "This personal access token does not have the scope for it.",
        }
    ],
    "404": [{"code": "not_found", "detail": "There is nothing at this address."}],
    "408": [{"code": "request_timeout", "detail": "The body came too slowly. Send it again."}],
    "409": [
        {
            "code": "conflict",
            "detail": "Something this request refers to was deleted in the meantime.",
        }
    ],
    "411": [
        {
            "code": "length_required",
            "detail": "Send the body with a Content-Length, not in chunks.",
        }
    ],
    "412": [
        {
            "code": "precondition_failed",
            "detail": "This is not as your If-Match or If-None-Match expects, and nothing was "
            "done. GET it again, and send the ETag that it has now.",
        }
    ],
    "413": [
        {
            "code": "payload_too_large",
            "detail": "A JSON body may have 5,242,880 bytes; upload larger documents as "
            "multipart/form-data.",
        }
    ],
    "415": [
        {
            "code": "unsupported_media_type",
            "detail": 'Unsupported media type "text/plain" in request.',
        }
    ],
    "416": [
        {
            "code": "range_not_satisfiable",
            "detail": "The file has 71 bytes; none are in this range.",
        }
    ],
    "429": [
        {
            "code": "throttled",
            "detail": "Request was throttled. Expected available in 12 seconds.",
            "retry_after": 12,
        }
    ],
    "503": [
        {
            "code": "database_unavailable",
            "detail": "The database cannot be reached at the moment. Try again in a few seconds.",
            "retry_after": 5,
        },
        {
            "code": "database_timeout",
            "detail": "The database took too long for this. Try again in a few seconds, or ask for "
            "less.",
            "retry_after": 5,
        },
    ],
    "507": [
        {
            "code": "quota_exceeded",
            "detail": "You have 2,000,000 of 2,000,000 documents. Delete some before you add "
            "others.",
        }
    ],
}
WRONG_PASSWORD = {"code": "wrong_password", "detail": "The current password is wrong."}
TOO_MANY_ATTEMPTS = {
    "code": "too_many_attempts",
    "detail": "Too many failed logins. Try again in 8 seconds.",
    "retry_after": 8,
}
UNSUPPORTED_FILE = {
    "code": "unsupported_file_type",
    "detail": "This type of file is not supported. Accepted are: PDF, Word (DOCX), ...",
}
KEY_REUSED = {
    "code": "idempotency_key_reused",
    "detail": "This Idempotency-Key was used for another request.",
}
KEY_IN_PROGRESS = {
    "code": "idempotency_in_progress",
    "detail": "A request with this Idempotency-Key is being answered just now.",
    "retry_after": 1,
}
# What an operation answers besides, by its name and the status.
OWN_PROBLEMS: dict[str, dict[str, Any]] = {
    "register 400": {
        "code": "email_taken",
        "detail": "An account with this email address exists already.",
    },
    "log_in 401": {"code": "invalid_credentials", "detail": "Email or password is wrong."},
    "log_in 429": TOO_MANY_ATTEMPTS,
    "refresh_tokens 401": {
        "code": "invalid_refresh_token",
        "detail": "This refresh token was used before; log in again.",
    },
    "update_me 403": WRONG_PASSWORD,
    "erase_me 403": WRONG_PASSWORD,
    "change_password 403": WRONG_PASSWORD,
    "confirm_password_reset 400": {
        "code": "invalid_reset_token",
        "detail": "The token is not valid, or not any more. Ask for a new one.",
    },
    "log_out 400": {
        "code": "not_a_session",
        "detail": "A personal access token is not a session: delete it instead.",
    },
    "upload_document 415": UNSUPPORTED_FILE,
    "replace_document_file 415": UNSUPPORTED_FILE,
    "get_document_page 409": {
        "code": "no_text",
        "detail": "The document is still being read. Try again shortly.",
    },
    "delete_document_version 409": {
        "code": "current_version",
        "detail": "This is the document's current version. Replace its file, or delete the "
        "document.",
    },
    "extract_document 409": {
        "code": "nothing_to_extract",
        "detail": "This document was sent as text: there is no file to read.",
    },
    "create_analysis 409": {
        "code": "document_unreadable",
        "detail": "Document 1 could not be read: The file is encrypted.",
    },
    "cancel_analysis 409": {
        "code": "nothing_to_cancel",
        "detail": "The analysis has ended already.",
    },
    "retry_analysis 409": {
        "code": "nothing_to_retry",
        "detail": "No call of this analysis failed, or it is still running.",
    },
    "stream_analysis_events 503": {
        "code": "too_many_streams",
        "detail": "Too many streams are open. Ask with ?wait= instead, or later.",
        "retry_after": 5,
    },
    "create_webhook 409": {
        "code": "too_many_webhooks",
        "detail": "There are 20 webhooks already; delete one first.",
    },
    "test_webhook 409": {
        "code": "delivery_pending",
        "detail": "The last test is still on its way.",
    },
    "redeliver_webhook 409": {
        "code": "webhook_disabled",
        "detail": "The webhook is disabled; enable it first.",
    },
}
