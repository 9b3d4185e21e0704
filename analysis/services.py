from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import User
from analysis import budgets, money
from analysis.insertion import PRIORITY, insert
from analysis.jobs import job_lock, run_analysis
from analysis.models import Analysis, AnalysisResult
from analysis.questions import question_of
from analysis.webhooks import services as webhooks
from documents.models import Document
from ultrai import jobs
from ultrai.compiled import run_prepared
from ultrai.exceptions import DomainError


class DocumentUnreadable(DomainError):
    status = 409
    code = "document_unreadable"


class NothingToCancel(DomainError):
    status = 409
    code = "nothing_to_cancel"


class NothingToRetry(DomainError):
    status = 409
    code = "nothing_to_retry"


def draft_analysis(
    *,
    user: User,
    document: Document | None,
    prompt: str,
    models: Sequence[str],
    mode: str = Analysis.Mode.ANSWERS,
    synthesizer: str = "",
    strategy: str = Analysis.Strategy.AUTO,
    minimum_answers: int = 1,
    max_cost_usd: Decimal | None = None,
    cache: bool = True,
    parameters: Mapping[str, Any] | None = None,
) -> Analysis:
    """Return the analysis these arguments ask for, unsaved.

    `models` are distinct and usable ("provider:name"); the synthesizer is the first of them unless
    another is named.
    """
    is_merged = mode != Analysis.Mode.ANSWERS
    return Analysis(
        user=user,
        document=document,
        prompt=prompt,
        model_ids=list(models),
        mode=mode,
        synthesizer=(synthesizer or models[0]) if is_merged else "",
        strategy=strategy,
        minimum_answers=minimum_answers,
        max_cost_usd=max_cost_usd,
        uses_cache=cache,
        parameters=dict(parameters or {}),
    )


def request_analysis(analysis: Analysis) -> Analysis:
    """Record a drafted analysis, a pending row for each call, and the job: all of them or none.

    What it may cost is set aside at once; where the document's text is still to be read, the
    worker does so before the first call.
    Raises DocumentUnreadable, and money's OverMaxCost, UnknownPrice and BudgetExceeded.
    """
    document = analysis.document
    refuse_unreadable(document)
    if document is None or document.status == Document.Status.READY:
        text = document.content if document else None
        money.note_cost(analysis, question_of(analysis, text))
    calls = [analysis.new_result(AnalysisResult.Stage.ANSWER, one) for one in analysis.model_ids]
    if analysis.synthesizer:
        calls.append(analysis.new_result(AnalysisResult.Stage.SYNTHESIS, analysis.synthesizer))
    if not insert(analysis, calls):
        assert analysis.reserved_month  # an amount that is not known is not refused
        raise budgets.refusal(analysis.user, analysis.reserved_usd, analysis.reserved_month)
    return analysis


def refuse_unreadable(document: Document | None) -> None:
    """Raises DocumentUnreadable: every model would be asked about nothing."""
    if document is not None and document.status == Document.Status.FAILED:
        raise DocumentUnreadable(f"Document {document.pk} could not be read: {document.error}")


def estimate(analysis: Analysis) -> money.Estimate:
    """Return what a drafted analysis will cost. Nothing is stored or sent."""
    refuse_unreadable(analysis.document)
    text = (analysis.document.content or "") if analysis.document else None
    return money.estimate(question_of(analysis, text))


@transaction.atomic
def cancel_analysis(analysis: Analysis) -> None:
    """Stop the calls and keep what came. Raises NothingToCancel."""
    if not analysis.cancel():
        raise NothingToCancel("The analysis has ended already.")
    webhooks.announce(analysis.pk)
    money.settle(analysis.pk)


@transaction.atomic
def retry_analysis(analysis: Analysis) -> None:
    """Make again the calls that have no answer, and only those. Raises NothingToRetry."""
    if not analysis.reopen():
        raise NothingToRetry("No call of this analysis failed, or it is still running.")
    analysis.refresh_from_db()
    text = analysis.document.content if analysis.document else None
    money.reserve(analysis, question_of(analysis, text))
    ((priority,),) = run_prepared(PRIORITY, {"user_id": analysis.user_id})
    jobs.enqueue(
        run_analysis.name,
        run_analysis.queue,
        lock=job_lock(analysis.pk),  # one that was cancelled before it ran may have its job still
        priority=priority,
        analysis_id=analysis.pk,
    )


def rerun_analysis(analysis: Analysis, **changes: Any) -> Analysis:
    """Ask the same question anew, with what is changed: other models, another mode."""
    asked: dict[str, Any] = {
        "document": analysis.document,
        "prompt": analysis.prompt,
        "models": analysis.model_ids,
        "mode": analysis.mode,
        "strategy": analysis.strategy,
        "minimum_answers": analysis.minimum_answers,
        "max_cost_usd": analysis.max_cost_usd,
        "cache": analysis.uses_cache,
        "parameters": analysis.parameters,
    }
    if not changes.get("models"):
        asked["synthesizer"] = analysis.synthesizer
    return request_analysis(draft_analysis(user=analysis.user, **(asked | changes)))


@transaction.atomic
def delete_analysis(analysis: Analysis) -> None:
    """Stop it, book what it did cost, delete it with its results."""
    if analysis.cancel():
        webhooks.announce(analysis.pk)
    money.settle(analysis.pk)
    analysis.delete()


@transaction.atomic
def record_result(
    *,
    user: User,
    document: Document | None,
    llm_provider: str,
    prompt: str,
    response: str,
    model: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> AnalysisResult:
    """Keep a response that the client obtained itself."""
    return AnalysisResult.objects.create(
        user=user,
        document=document,
        llm_provider=llm_provider,
        model=model or llm_provider,
        stage=AnalysisResult.Stage.RECORDED,
        prompt=prompt,
        response=response,
        parameters=dict(parameters or {}),
        status=AnalysisResult.Status.SUCCEEDED,
    )
