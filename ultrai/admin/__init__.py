"""What every admin of ours is made of, and the queue's own."""

from ultrai.admin.base import LargeTableAdmin, MachineWrittenAdmin, preview
from ultrai.admin.condition import condition_panel
from ultrai.admin.queue import JobAdmin, LogEntryAdmin

__all__ = [
    "JobAdmin",
    "LargeTableAdmin",
    "LogEntryAdmin",
    "MachineWrittenAdmin",
    "condition_panel",
    "preview",
]
