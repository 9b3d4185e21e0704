from datetime import timedelta

from django.contrib import admin

from analysis.upkeep.models import RetentionRun
from ultrai.admin import MachineWrittenAdmin


@admin.register(RetentionRun)
class RetentionRunAdmin(MachineWrittenAdmin):
    list_display = [
        "started_at",
        "duration",
        "is_dry_run",
        "documents",
        "bytes",
        "analyses",
        "results",
        "held_documents",
        "documents_before",
        "analyses_before",
    ]
    list_filter = ["is_dry_run", "started_at"]
    search_help_text = "An id."
    owner = ""

    @admin.display(description="duration")
    def duration(self, run: RetentionRun) -> timedelta | None:
        return run.duration
