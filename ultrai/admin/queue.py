"""The queue's jobs, to be looked at, queued again and cancelled; and what staff have done."""

import procrastinate.contrib.django.admin  # noqa: F401  registers its own class; ours replaces it
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.exceptions import UniqueViolation

from ultrai.admin.actions import EVERYWHERE, act
from ultrai.admin.base import MachineWrittenAdmin
from ultrai.admin.filters import Conditions
from ultrai.exceptions import DomainError

QUEUES = ("analyses", "documents", "mail", "upkeep", "webhooks")


class NotPossible(DomainError):
    status = 409
    code = "not_possible"


class JobStatus(Conditions):
    title = parameter_name = "status"
    conditions = {status: Q(status=status) for status in ProcrastinateJob.STATUSES}


class JobQueue(Conditions):
    title = parameter_name = "queue"
    conditions = {name: Q(queue_name=name) for name in QUEUES}


class EventInline(admin.TabularInline):
    model = ProcrastinateEvent
    fields = ["type", "at"]
    readonly_fields = ["type", "at"]
    ordering = ["id"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True  # of a job that the reader is allowed to see


admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class JobAdmin(MachineWrittenAdmin):
    actions = ["retry", "cancel"]
    list_display = ["id", "task_name", "args", "queue_name", "status", "attempts", "scheduled_at"]
    list_filter = [JobStatus, JobQueue]
    search_help_text = "An id, or a task such as analysis.run."
    inlines = [EventInline]

    def search_words(
        self,
        request: HttpRequest,
        rows: QuerySet[ProcrastinateJob],
        words: list[str],
        *,
        has_owner: bool,
    ) -> QuerySet[ProcrastinateJob]:
        return rows.filter(task_name__in=words)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob], search_term: str
    ) -> tuple[QuerySet[ProcrastinateJob], bool]:
        return super().get_search_results(request, queryset, search_term.replace("@", " "))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # the queue deletes its own

    @admin.action(description="Run again", permissions=["operate"], location=EVERYWHERE)
    def retry(self, request: HttpRequest, jobs: QuerySet[ProcrastinateJob]) -> HttpResponse | None:
        return act(
            self,
            request,
            jobs,
            question="Queue these failed jobs again?",
            done="Queued again:",
            perform=run_again,
        )

    @admin.action(description="Cancel", permissions=["operate"], location=EVERYWHERE)
    def cancel(self, request: HttpRequest, jobs: QuerySet[ProcrastinateJob]) -> HttpResponse | None:
        return act(
            self,
            request,
            jobs,
            question="Cancel these waiting jobs? What they were for may be queued again by itself.",
            done="Cancelled:",
            perform=cancel,
        )


def run_again(job: ProcrastinateJob) -> None:
    """Raises NotPossible, also where the same work waits already."""
    if job.status != "failed":
        raise NotPossible(f"This job is {job.status}: only a failed one is queued again.")
    try:
        with transaction.atomic():
            app.job_manager.retry_job_by_id(
                job.pk, timezone.now(), job.priority, job.queue_name, job.lock
            )
    except UniqueViolation as error:
        raise NotPossible("Another job for the same work waits already.") from error


def cancel(job: ProcrastinateJob) -> None:
    if not app.job_manager.cancel_job_by_id(job.pk):
        raise NotPossible(f"This job is {job.status}: only a waiting one is cancelled.")


@admin.register(LogEntry)
class LogEntryAdmin(MachineWrittenAdmin):
    """Who did what, and who opened which text."""

    list_display = ["action_time", "user", "content_type", "object_repr", "change_message"]
    list_select_related = ["user", "content_type"]
    list_filter = ["action_flag"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
