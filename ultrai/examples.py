"""What the API's documentation shows: one story of Ada, her document and what she asks about it.

`VALUES` has an example for each property, whatever it is in; `SCHEMAS` has what is different in one
schema, and which properties a request names. What is in neither is made up from its type, so a new
property needs nothing here, and is better off with a value.
"""

from typing import Any

TIME, LATER = "2026-11-24T09:30:00.000000Z", "2026-11-24T09:30:04.250000Z"
PASSWORD = "a long enough password"  # noqa: S105  nobody's
TEXT = "# Offer\n\nThe new bridge bearings cost 40,000 USD. Replace them by 2027."
ANSWER = 'The bearings cost 40,000 USD: "The new bridge bearings cost 40,000 USD" (page 1).'
MODELS = ["openai:gpt-5-mini", "anthropic:claude-haiku-5-5"]
SHA256 = "9b1d4f0f1c0c6d4e0a7f6ab1f5a1b0c7c9f0e8d3b2a1908f7e6d5c4b3a291807"

VALUES: dict[str, Any] = {
    "id": 1,
    "request_id": "0f8a3c5e7b9d4f6080a1c2e3d4f5a6b7",
    "created_at": TIME,
    "updated_at": TIME,
    "started_at": TIME,
    "last_used_at": TIME,
    "replaced_at": TIME,
    "finished_at": LATER,
    "expires_at": "2027-11-24T00:00:00Z",
    # Accounts
    "email": "ada@example.com",
    "username": "Ada",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": "another, even longer password",
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl",
    "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiI3MTdmIn0.c2lnbmF0dXJl",
    "token_type": "bearer",
    "expires_in": 3600,
    "valid": True,
    "user_id": 1,
    "erased": {"users": 1, "user_sessions": 1, "documents": 1, "analysis_results": 3},
    "client": "ultrai-client",
    "is_current": True,
    "name": "nightly report",
    "scopes": ["read", "write"],
    "hint": "ultrai_pat_tbC6",
    "token": "ultrai_pat_tbC6KqMM34kTU7O9y7offl_--436Qjp5kSi9BaXVhP4",
    # Documents
    "filename": "offer.md",
    "file": TEXT,
    "content": TEXT,
    "file_type": "md",
    "size_bytes": len(TEXT),
    "sha256": SHA256,
    "version": 1,
    "number": 1,
    "word_count": 13,
    "metadata": {"extractor": "ultrai md 1"},
    "rank": 0.0608,
    "snippet": "The new bridge **bearings** cost 40,000 USD.",
    "snippet_page": None,
    "document_id": 1,
    "page": 1,
    "ids": [1, 2],
    "deleted": [1],
    "not_found": [2],
    # Analyses
    "analysis_id": 1,
    "document_sha256": SHA256,
    "prompt": "What will it cost?",
    "models": MODELS,
    "synthesizer": MODELS[0],
    "parameters": {"temperature": 0.2},
    "temperature": 0.2,
    "minimum_answers": 1,
    "estimated_cost_usd": "0.01340000",
    "max_cost_usd": "0.10000000",
    "cost_usd": "0.00214000",
    "agreement": {
        "method": "claims",
        "claims": [
            {
                "claim": "The new bridge bearings cost 40,000 USD.",
                "supported_by": MODELS,
                "contradicted_by": [],
            }
        ],
    },
    "characters_sent": len(TEXT),
    "characters_total": len(TEXT),
    "llm_provider": "openai",
    "model": MODELS[0],
    "resolved_model": "gpt-5-mini-2026-08-01",
    "response": ANSWER,
    "sent": "Answer the question. ...\n\n[document: 70 characters]\n\nWhat will it cost?",
    "attempts": 1,
    "input_tokens": 338,
    "output_tokens": 61,
    "latency_ms": 2140,
    "finish_reason": "stop",
    "quotations": [
        {
            "text": "The new bridge bearings cost 40,000 USD",
            "verdict": "exact",
            "similarity": None,
            "page": 1,
            "start": 9,
            "end": 48,
        }
    ],
    "quotations_total": 1,
    "quotations_held": 1,
    "rating": 5,
    "comment": "Complete, and quoted correctly.",
    "provider": "openai",
    "description": "GPT-5 mini",
    "context_window": 400_000,
    "input_usd_per_million": "0.250000",
    "output_usd_per_million": "2.000000",
    "unpriced": [],
    # The service
    "api": "ok",
    "auth": "ok",
    "database": "connected",
    "cache": "in_memory",
    "worker": "ok",
    "docs": "https://api.example.com/docs",
    "schema": "https://api.example.com/schema",
    "health": "https://api.example.com/health",
    "server_version": "18.4",
    # Webhooks
    "url": "https://hooks.example.com/ultrai",
    "events": ["analysis.succeeded", "analysis.partial"],
    "enabled": True,
    "disabled_reason": "",
    "failing_since": None,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwq3pUPX2sOyo=",
    "webhook_id": 1,
    "message_id": "msg_0f8a3c5e7b9d4f6080a1c2e3d4f5a6b7",
    "event": "analysis.succeeded",
    "payload": {
        "type": "analysis.succeeded",
        "timestamp": LATER,
        "data": {"analysis_id": 1, "status": "succeeded"},
    },
    "response_status": 204,
    "next_attempt_at": None,
}


class Several(dict[str, Any]):
    """More than one example of the same schema, by name."""


# A result before its call, and the second of two.
PENDING = {
    "status": "pending",
    "resolved_model": "",
    "response": None,
    "attempts": 0,
    **dict.fromkeys(["input_tokens", "output_tokens", "cost_usd", "latency_ms"]),
    **dict.fromkeys(["quotations", "quotations_total", "quotations_held", "rating"]),
    "finish_reason": "",
    "comment": "",
    "started_at": None,
    "finished_at": None,
}
SECOND = {"id": 2, "llm_provider": "anthropic", "model": MODELS[1]}
QUESTION = {"document_id": 1, "prompt": VALUES["prompt"], "models": MODELS}
SCHEMAS: dict[str, Any] = {
    "Live": {"status": "ok"},
    "Service": {"status": "alive", "name": "UltrAI Core", "version": "1.0.0"},
    "Health": {"version": "1.0.0"},
    "Health 503": {
        "status": "error",
        "version": "1.0.0",
        "services": {
            "api": "ok",
            "auth": "error",
            "database": "connection_failed",
            "cache": "in_memory",
            "worker": "unknown",
        },
    },
    "DatabaseHealth": {"latency_ms": 1.49, "migrations_applied": True},
    "DatabaseHealth 503": {"status": "error", "database": "connection_failed"},
    "Message": {"detail": "If there is such an account, a mail is on its way to it."},
    "Greeting": {"message": "Hello Ada, your token works."},
    "PatchedProfileRequest": Several(
        {
            "username": {"username": "Ada Lovelace"},
            "email": {"email": "ada.lovelace@example.com", "current_password": PASSWORD},
        }
    ),
    "PasswordResetConfirmRequest": {
        "token": "MQ-d1r8tk-6a3e9c0f7b5d4182",
        "new_password": PASSWORD,
    },
    "Document": {"status": "ready"},
    "DocumentHit": {"status": "ready"},
    "DocumentDetail": {"status": "ready"},
    "CreatedDocument": {"status": "ready", "duplicate": False},
    "CreatedDocument 200": {"status": "ready", "duplicate": True},
    "DocumentTextRequest": {"filename": "offer.md", "content": TEXT},
    "DocumentUploadRequest": {"file": TEXT},
    "PatchedDocumentRequest": {"filename": "offer of the bearings.md"},
    "Version": {"status": "ready"},
    "VersionDetail": {"status": "ready"},
    "Page": {"page_count": 1},
    "Model": {"id": MODELS[0], "name": "gpt-5-mini", "kind": "generative"},
    "ProviderHealth": {"status": "ok", "succeeded": 412, "failed": 3},
    "NewAnalysisRequest": Several(
        {
            "without any key": QUESTION | {"models": ["builtin:summary", "builtin:quotes"]},
            "answers": QUESTION,
            "synthesis": QUESTION
            | {"mode": "synthesis", "synthesizer": MODELS[0], "max_cost_usd": "0.10"},
            "council": QUESTION | {"mode": "council", "parameters": {"temperature": 0.2}},
            "without a document": {"prompt": "What is a bridge bearing?", "llm_provider": "openai"},
        }
    ),
    "Analysis": {"status": "succeeded", "mode": "answers"},
    "AnalysisDetail": {
        "status": "succeeded",
        "mode": "answers",
        "progress": {"done": 2, "failed": 0, "of": 2},
        "results": [{}, SECOND | {"resolved_model": MODELS[1].partition(":")[2]}],
    },
    "AnalysisDetail 202": {
        "status": "queued",
        "document_sha256": "",
        "agreement": None,
        "cost_usd": None,
        "started_at": None,
        "finished_at": None,
        "progress": {"done": 0, "failed": 0, "of": 2},
        "results": [PENDING, PENDING | SECOND],
    },
    "Result": {"status": "succeeded", "stage": "answer"},
    "OwnResult": {"status": "succeeded", "stage": "answer"},
    "RerunRequest": {"models": MODELS[:1], "mode": "synthesis"},
    "RecordedResultRequest": {
        "document_id": 1,
        "llm_provider": "my-own",
        "model": "llama-of-ours",
        "parameters": {"temperature": 0.2},
    },
    "PatchedOwnResultRequest": {"rating": 5, "comment": VALUES["comment"]},
    "Webhook": {"description": "Ada's dashboard"},
    "WebhookWithSecret": {"description": "Ada's dashboard"},
    "WebhookRequest": {"url": "https://hooks.example.com/ultrai"},
    "PatchedWebhookRequest": {"enabled": True},
    "Delivery": {"status": "delivered", "attempts": 1, "error": ""},
    "Delivery 202": {
        "status": "pending",
        "attempts": 0,
        "error": "",
        "response_status": None,
        "next_attempt_at": TIME,
        "finished_at": None,
    },
    "PlannedCall": {"stage": "answer"},
    "text/markdown": f"# Analysis 1\n\n> What will it cost?\n\n## {MODELS[0]}\n\n{ANSWER}\n",
    "text/csv": "analysis_id,id,stage,model,status,response\n"
    f'1,1,answer,{MODELS[0]},succeeded,"The bearings cost 40,000 USD."\n',
    "text/event-stream": 'retry: 2000\n\nid: 1\nevent: result\ndata: {"id": 1, "stage": "answer", '
    f'"model": "{MODELS[0]}", "status": "succeeded", "response": "The bearings ..."}}\n\n'
    'event: analysis\ndata: {"id": 1, "status": "succeeded"}\n\n',
}

# Problems: code, detail and what else is in the document, by status; the first fits everywhere.

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
        }
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
