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
