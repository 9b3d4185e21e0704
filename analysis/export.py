from collections.abc import Iterator

from accounts.models import User
from accounts.own_data import ExportedFile, json_lines
from analysis.models import Analysis, AnalysisResult


def exported_analyses(user: User) -> Iterator[ExportedFile]:
    """Every analysis and every result, a JSON object a line."""
    for model, name in ((Analysis, "analyses"), (AnalysisResult, "results")):
        fields = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001
        rows = model._default_manager.visible_to(user).order_by("pk")  # noqa: SLF001
        yield f"{name}.jsonl", json_lines(rows.values(*fields).iterator(chunk_size=100))
