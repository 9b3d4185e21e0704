"""Counting in the worker."""

from procrastinate.contrib.django import app

from analysis.figures import counting
from ultrai.jobs import in_database


@app.periodic(cron="* * * * *")
@app.task(name="figures.count", queue="upkeep", queueing_lock="figures")
async def count_figures(timestamp: int) -> None:
    """Bring the front page's figures up to now; other jobs' queries come between the days."""
    steps = counting.steps()
    done = object()
    while await in_database(next, steps, done) is not done:
        pass
