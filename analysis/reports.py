"""Analyses as files to take along: Markdown to read, JSON and CSV to work with."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from analysis.models import Analysis, AnalysisResult
from ultrai.rendering import digits, to_json

type Format = Literal["md", "json", "csv"]

MEDIA_TYPES: dict[str, str] = {
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
}
COLUMNS = [
    "analysis_id",
    "id",
    "document_id",
    "stage",
    "part",
    "llm_provider",
    "model",
    "status",
    "prompt",
    "response",
    "error_code",
    "error",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "quotations_held",
    "quotations_total",
    "created_at",
]


def report(
    analyses: Iterable[Analysis], form: str, render: Callable[[Analysis], Any]
) -> Iterator[bytes]:
    """Yield the analyses, their results prefetched, in this format piece by piece."""
    if form == "md":
        return (markdown(analysis).encode() for analysis in analyses)
    if form == "csv":
        return rows(result for analysis in analyses for result in analysis.results.all())
    return objects(analyses, render)


def markdown(analysis: Analysis) -> str:
    """Return one analysis for a person to read."""
    lines = [f"# Analysis {analysis.pk}", "", *quoted(analysis.prompt), ""]
    if analysis.document:
        lines += [f"Document: {plain(analysis.document.filename)} ({analysis.document_sha256})", ""]
    lines += [f"Status: {analysis.status}. Asked on {analysis.created_at:%Y-%m-%d %H:%M} UTC.", ""]
    if analysis.ranking:
        lines += ["## Ranking", ""]
        lines += [
            f"{place}. {row['model']}: mean rank {row['mean_rank']:.2f} of {row['reviews']} reviews"
            for place, row in enumerate(analysis.ranking, 1)
        ] + [""]
    for result in analysis.results.all():
        lines += [f"## {result.stage}: {plain(result.model)}", ""]
        lines += [result.response if result.response is not None else failure(result), ""]
        lines += [details(result), ""]
    return "\n".join(lines) + "\n"


def failure(result: AnalysisResult) -> str:
    return f"*{result.status} {result.error_code}* {plain(result.error)}".strip()


def details(result: AnalysisResult) -> str:
    """Return tokens, cost, latency and quotations, those that are known."""
    known = [
        f"{result.input_tokens} tokens in" if result.input_tokens is not None else "",
        f"{result.output_tokens} out" if result.output_tokens is not None else "",
        f"{digits(result.cost_usd)} USD" if result.cost_usd is not None else "",
        f"{result.latency_ms} ms" if result.latency_ms is not None else "",
        "from the cache" if result.cached else "",
        f"{result.quotations_held} of {result.quotations_total} quotations found in the document"
        if result.quotations_total
        else "",
    ]
    return f"({', '.join(filter(None, known))})"


def quoted(text: str) -> list[str]:
    return [f"> {line}" for line in text.splitlines()]


def plain(text: str) -> str:
    """Return a text that cannot break out of its line."""
    return " ".join(text.split())


def rows(results: Iterable[AnalysisResult]) -> Iterator[bytes]:
    """A line for each result."""
    yield line(COLUMNS)
    for result in results:
        yield line([harmless(digits(getattr(result, column))) for column in COLUMNS])


def line(values: Iterable[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue().encode()


def harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def objects[Row](found: Iterable[Row], render: Callable[[Row], Any]) -> Iterator[bytes]:
    """A JSON list, one object a line."""
    yield b"["
    for number, row in enumerate(found):
        yield (b",\n" if number else b"\n") + to_json(render(row))
    yield b"\n]\n"
