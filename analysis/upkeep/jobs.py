"""Retention in the worker."""

import logging

from procrastinate.contrib.django import app

from analysis.upkeep import retention
from ultrai.jobs import in_database

logger = logging.getLogger(__name__)


@app.periodic(cron="37 * * * *")  # hourly: a service that sleeps at night has no nightly job
@app.task(name="upkeep.retention", queue="upkeep", queueing_lock="retention")
async def apply_retention(timestamp: int) -> None:
    """Delete what has been kept long enough; other jobs' queries come between its steps."""
    if not await in_database(retention.has_work):
        return
    run = await in_database(retention.begin)
    steps = retention.steps(run)
    while await in_database(next, steps, None):
        pass
    logger.info(
        "Retention deleted %s documents, %s analyses, %s results; %s documents are held",
        run.documents,
        run.analyses,
        run.results,
        run.held_documents,
    )
