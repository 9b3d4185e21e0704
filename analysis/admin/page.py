"""What the page of one analysis shows, in the order in which a person reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from analysis.models import Analysis, AnalysisResult
from ultrai.markdown import rendered

READ_ANALYSIS = "analysis.read_analysis"
READ_DOCUMENT = "documents.read_document"
MOST_PAGES = 500  # that are linked one by one


@dataclass
class Quotation:
    text: str
    is_held: bool
    verdict: str
    page: int | None
    link: str  # empty: the reader may not open the document


@dataclass
class Answer:
    """One call, and what is to be read of it."""

    result: AnalysisResult
    html: SafeString | None
    quotations: list[Quotation] = field(default_factory=list)


@dataclass
class Bar:
    """One call in the timeline; `x` and `width` are percentages of the whole time."""

    result: AnalysisResult
    x: float
    width: float


def page_of(analysis: Analysis, request: HttpRequest) -> dict[str, Any]:
    """Return the template's context. The results are read once, the document's text never."""
    may_read = request.user.has_perm(READ_ANALYSIS)
    results = list(analysis.results.in_order().select_related("analysis"))
    document_url = content_url(analysis) if request.user.has_perm(READ_DOCUMENT) else ""
    answers = [
        Answer(
            result,
            rendered(result.response) if may_read and result.response is not None else None,
            quotations(result, document_url) if may_read else [],
        )
        for result in results
    ]
    of = {
        stage.value: [one for one in answers if one.result.stage == stage]
        for stage in AnalysisResult.Stage
    }
    document = analysis.document
    return {
        "may_read": may_read,
        "document_url": document_url,
        "pages": range(1, min((document and document.page_count) or 0, MOST_PAGES) + 1),
        "is_stale": bool(
            document and analysis.document_sha256 and document.sha256 != analysis.document_sha256
        ),
        "answers": of["answer"],
        "reviews": of["review"],
        "syntheses": of["synthesis"],
        "other_calls": of["part"] + of["repair"] + of["recorded"],
        "timeline": timeline(results),
        "total_cost": sum(r.cost_usd or 0 for r in results),
    }


def content_url(analysis: Analysis) -> str:
    if analysis.document_id is None:
        return ""
    return reverse("admin:documents_document_content", args=[analysis.document_id])


def quotations(result: AnalysisResult, document_url: str) -> list[Quotation]:
    found = []
    for one in result.quotations or []:
        is_held = one["verdict"] != "not_found"
        link = ""
        if document_url and is_held and one.get("start") is not None:
            place = urlencode({"start": one["start"], "end": one["end"]})
            link = f"{document_url}?{place}"
        found.append(Quotation(one["text"], is_held, one["verdict"], one.get("page"), link))
    return found


def timeline(results: Sequence[AnalysisResult]) -> list[Bar]:
    """Place each call that began between the beginning of the first and the end of the last."""
    begun: list[tuple[AnalysisResult, datetime, datetime]] = [
        (one, one.started_at, one.finished_at or one.started_at)
        for one in results
        if one.started_at
    ]
    if not begun:
        return []
    start = min(first for _, first, _ in begun)
    whole = (max(last for _, _, last in begun) - start).total_seconds() or 1.0
    return [
        Bar(
            one,
            round(100 * (first - start).total_seconds() / whole, 2),
            round(max(100 * (last - first).total_seconds() / whole, 0.5), 2),
        )
        for one, first, last in begun
    ]
