"""Percentiles from a histogram: as far off as half a step of it at the most.

Steps are as wide as their place is high, so the error is the same share of a fast call's latency
and of a slow one's.
"""

from collections.abc import Iterable

STEPS = 4  # to a doubling of the milliseconds; `counting` sorts the calls into them
ERROR = 2 ** (1 / (2 * STEPS)) - 1  # 9 %


def percentile(histogram: Iterable[tuple[int, int]], share: float) -> int | None:
    """Return the milliseconds within which this share of the calls was answered; None: no call.

    `histogram`: pairs of step and number of calls.
    """
    steps = sorted(histogram)
    wanted = share * sum(calls for _, calls in steps)
    reached = 0
    for step, calls in steps:
        reached += calls
        if reached >= wanted:
            return round(2 ** ((step + 0.5) / STEPS))  # the middle of the step
    return None
