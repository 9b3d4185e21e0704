"""Deleting what has been kept long enough.

A document goes after its own last day, or where it has none `DOCUMENT_RETENTION_DAYS` after its
file came, with its versions, analyses and results. An analysis goes `ANALYSIS_RETENTION_DAYS`
after it ended, a response that a client recorded as long after it came. What is under a legal hold
stays, and so does what is still being worked on.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from analysis.models import Analysis, AnalysisResult
from analysis.upkeep.models import RetentionRun
from documents.models import Document, DocumentVersion

# A transaction deletes no more than this, so that nobody waits for its locks: the counted usage of
# a user is locked while documents of theirs go.
BATCH = 500
BATCH_BYTES = 32 * 1024 * 1024


def begin(*, is_dry_run: bool = False) -> RetentionRun:
    now = timezone.now()

    def before(days: int) -> datetime | None:
        return now - timedelta(days=days) if days else None

    return RetentionRun.objects.create(
        is_dry_run=is_dry_run,
        documents_before=before(settings.DOCUMENT_RETENTION_DAYS),
        analyses_before=before(settings.ANALYSIS_RETENTION_DAYS),
    )


def steps(run: RetentionRun, batch: int = BATCH) -> Iterator[RetentionRun]:
    """Do the run, `batch` rows in a short transaction; yields after each what is done so far."""
    if run.is_dry_run:
        count(run)
        yield run
    else:
        for documents in overdue_documents(run):
            while delete_documents(run, documents, batch):
                yield run
        while delete_analyses(run, batch):
            yield run
        while delete_recorded_results(run, batch):
            yield run
    run.held_documents = sum(
        overdue.filter(legal_hold_at__isnull=False).count() for overdue in overdue_with_held(run)
    )
    run.finish()


def has_work() -> bool:
    """Whether anything can be due; where retention is off, an owner may still have set a day."""
    if settings.DOCUMENT_RETENTION_DAYS or settings.ANALYSIS_RETENTION_DAYS:
        return True
    return Document.objects.past_their_own_day(today()).exists()


def today() -> date:
    return timezone.now().date()


# What is due


def overdue_with_held(run: RetentionRun) -> list[QuerySet[Document]]:
    """Documents whose time is over, by each of the two rules: an index serves each."""
    overdue: list[QuerySet[Document]] = [Document.objects.past_their_own_day(today())]
    if run.documents_before:
        overdue.append(Document.objects.older_than(run.documents_before))
    return overdue


def overdue_documents(run: RetentionRun) -> list[QuerySet[Document]]:
    """Those of them that can go."""
    at_work = Analysis.objects.unfinished().filter(document=OuterRef("pk"))
    return [
        overdue.filter(~Exists(at_work), legal_hold_at=None) for overdue in overdue_with_held(run)
    ]


def overdue_analyses(run: RetentionRun) -> QuerySet[Analysis]:
    if run.analyses_before is None:
        return Analysis.objects.none()
    return Analysis.objects.filter(not_held(), finished_at__lt=run.analyses_before)


def overdue_results(run: RetentionRun) -> QuerySet[AnalysisResult]:
    """Responses that clients recorded: they belong to no analysis."""
    if run.analyses_before is None:
        return AnalysisResult.objects.none()
    return AnalysisResult.objects.filter(
        not_held(), analysis=None, created_at__lt=run.analyses_before
    )


def not_held() -> Q:
    return Q(document=None) | Q(document__legal_hold_at=None)


# Deleting


@transaction.atomic
def delete_documents(run: RetentionRun, overdue: QuerySet[Document], batch: int) -> bool:
    """Delete some of them; False when there are none, but for those that others have locked."""
    locked = overdue.select_for_update(skip_locked=True, of=("self",)).order_by("pk")
    sizes = dict(locked.values_list("pk", "size_bytes")[:batch])
    if not sizes:
        return False
    ids = within(sizes)
    # First their analyses, which may be many; the documents themselves when few are left.
    analyses = Analysis.objects.filter(document__in=ids)
    some = list(analyses.order_by("pk").values_list("pk", flat=True)[:batch])
    if len(some) == batch:
        delete_these_analyses(run, some)
        return True
    versions = DocumentVersion.objects.filter(document__in=ids).aggregate(size=Sum("size_bytes"))
    run.add(
        documents=len(ids),
        size=sum(sizes[pk] for pk in ids) + (versions["size"] or 0),
        analyses=len(some),
        results=AnalysisResult.objects.filter(document__in=ids).count(),
    )
    Document.objects.filter(pk__in=ids).delete()
    return True


def within(sizes: dict[int, int]) -> list[int]:
    """As many of the documents as have BATCH_BYTES together; one at least."""
    ids: list[int] = []
    total = 0
    for pk, size in sizes.items():
        total += size
        if ids and total > BATCH_BYTES:
            break
        ids.append(pk)
    return ids


@transaction.atomic
def delete_analyses(run: RetentionRun, batch: int) -> bool:
    locked = overdue_analyses(run).select_for_update(skip_locked=True, of=("self",))
    ids = list(locked.order_by("finished_at", "pk").values_list("pk", flat=True)[:batch])
    if ids:
        delete_these_analyses(run, ids)
    return bool(ids)


def delete_these_analyses(run: RetentionRun, ids: list[int]) -> None:
    results = AnalysisResult.objects.filter(analysis__in=ids).count()
    run.add(analyses=len(ids), results=results)
    Analysis.objects.filter(pk__in=ids).delete()


@transaction.atomic
def delete_recorded_results(run: RetentionRun, batch: int) -> bool:
    locked = overdue_results(run).select_for_update(skip_locked=True, of=("self",))
    ids = list(locked.order_by("created_at", "pk").values_list("pk", flat=True)[:batch])
    if ids:
        run.add(results=len(ids))
        AnalysisResult.objects.filter(pk__in=ids).delete()
    return bool(ids)


# Counting, for a dry run


def count(run: RetentionRun) -> None:
    going = Q(pk__in=[])
    for overdue in overdue_documents(run):
        going |= Q(pk__in=overdue.values("pk"))
    documents = Document.objects.filter(going)
    versions = DocumentVersion.objects.filter(document__in=documents.values("pk"))
    analyses = Analysis.objects.filter(
        Q(document__in=documents.values("pk")) | Q(pk__in=overdue_analyses(run).values("pk"))
    )
    results = AnalysisResult.objects.filter(
        Q(document__in=documents.values("pk"))
        | Q(analysis__in=analyses.values("pk"))
        | Q(pk__in=overdue_results(run).values("pk"))
    )
    sizes = [rows.aggregate(size=Sum("size_bytes"))["size"] or 0 for rows in (documents, versions)]
    run.add(
        documents=documents.count(),
        size=sum(sizes),
        analyses=analyses.count(),
        results=results.count(),
    )
