from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from analysis.upkeep import retention
from analysis.upkeep.models import RetentionRun


class Command(BaseCommand):
    help = (
        "Delete the documents and analyses that have been kept long enough "
        "(DOCUMENT_RETENTION_DAYS, ANALYSIS_RETENTION_DAYS, a document's own last day). "
        "The worker does the same every hour."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only count")
        parser.add_argument(
            "--batch", type=int, default=retention.BATCH, help="rows a transaction deletes at most"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run = retention.begin(is_dry_run=options["dry_run"])
        self.stdout.write(f"Documents: {cutoff(run.documents_before)}, or after their own last day")
        self.stdout.write(f"Analyses: {cutoff(run.analyses_before)}")
        for done in retention.steps(run, max(1, options["batch"])):
            self.stderr.write(f"{so_far(done)} ...")
        verb = "Would delete" if run.is_dry_run else "Deleted"
        self.stdout.write(
            f"{verb} {so_far(run)}, {run.bytes:,} bytes of files; "
            f"{run.held_documents:,} documents are kept by a legal hold."
        )


def cutoff(moment: object) -> str:
    return f"from before {moment:%Y-%m-%d %H:%M} UTC" if moment else "kept however old they are"


def so_far(run: RetentionRun) -> str:
    return f"{run.documents:,} documents, {run.analyses:,} analyses, {run.results:,} results"
