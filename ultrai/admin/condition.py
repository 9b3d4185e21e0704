"""The front page's panel about now: what waits, and whether somebody works."""

from collections.abc import Iterator

from django.urls import reverse

from ultrai.admin.front_page import Cell, Column, Panel, Period, Picture, add_panels, number
from ultrai.condition import measure


def condition_panel(period: Period) -> Iterator[Panel]:
    found = measure(with_cache=False)
    jobs = reverse("admin:procrastinate_procrastinatejob_changelist")
    age = found.heartbeat_seconds
    heartbeat = "" if age is None else f" (last sign of life {age:.0f} s ago)"
    yield Panel(
        "Now: queues and worker",
        [
            Column("Queue"),
            Column("Waiting", "partial"),
            Column("Running", "succeeded"),
            Column("To run later", "open"),
            Column("Oldest waits, s"),
        ],
        [
            [
                Cell(queue.name, link=f"{jobs}?queue={queue.name}"),
                number(queue.waiting),
                number(queue.running),
                number(queue.scheduled),
                number(round(queue.oldest_seconds)),
            ]
            for queue in found.queues
        ],
        [Picture("Jobs by queue", ["Waiting", "Running", "To run later"])],
        [f"Worker: {found.worker}{heartbeat}.", *found.reasons],
        is_wide=True,
    )


add_panels(condition_panel, place=0, permissions=["procrastinate.view_procrastinatejob"])
