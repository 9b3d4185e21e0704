from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts.models import User
from analysis.jobs import job_lock, run_analysis
from analysis.models import Analysis, AnalysisResult
from documents.models import Document
from ultrai.exceptions import DomainError


class DocumentUnreadable(DomainError):
    status = 409
    code = "document_unreadable"


@transaction.atomic
def request_analysis(
    *,
    user: User,
    document: Document | None,
    prompt: str,
    models: Sequence[str],
    mode: str = Analysis.Mode.ANSWERS,
    synthesizer: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Analysis:
    """Record the question, a pending row for each call, and the job: all of them or none.

    `models` are distinct and usable ("provider:name"). Raises DocumentUnreadable for a document
    whose text could not be read: every model would be asked about nothing.
    """
    if document is not None and document.status == Document.Status.FAILED:
        raise DocumentUnreadable(f"Document {document.pk} could not be read: {document.error}")
    if mode == Analysis.Mode.SYNTHESIS:
        synthesizer = synthesizer or models[0]
    analysis = Analysis.objects.create(
        user=user,
        document=document,
        prompt=prompt,
        model_ids=list(models),
        mode=mode,
        synthesizer=synthesizer,
        parameters=dict(parameters or {}),
    )
    rows = [analysis.new_result(AnalysisResult.Stage.ANSWER, model) for model in models]
    if synthesizer:
        rows.append(analysis.new_result(AnalysisResult.Stage.SYNTHESIS, synthesizer))
    AnalysisResult.objects.bulk_create(rows)
    run_analysis.configure(queueing_lock=job_lock(analysis.pk)).defer(analysis_id=analysis.pk)
    return analysis
