"""What every admin of ours is made of, and the queue's own."""

from ultrai.admin.base import LargeTableAdmin, MachineWrittenAdmin, preview

__all__ = ["LargeTableAdmin", "MachineWrittenAdmin", "preview"]
