from typing import Any

from accounts.models import User
from analysis.models import Analysis
from analysis.services import draft_analysis, request_analysis
from documents.models import Document


def make_analysis(
    user: User, document: Document | None = None, prompt: str = "What?", **asked: Any
) -> Analysis:
    """A queued analysis, by default of one built-in model."""
    models = asked.pop("models", ["builtin:summary"])
    return request_analysis(
        draft_analysis(user=user, document=document, prompt=prompt, models=models, **asked)
    )
