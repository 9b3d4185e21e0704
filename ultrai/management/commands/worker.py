import asyncio
import logging
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params

from ultrai.backpressure import PatientJobManager

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the jobs: extraction of documents, analyses, upkeep. Stops at SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(run_until_told_to_stop())


async def run_until_told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not stop.is_set():
        # A worker ends by itself when it loses the database; it is started again here.
        try:
            await run_workers(stop)
        except Exception:
            logger.exception("The worker stopped")
        if not stop.is_set():
            await asyncio.sleep(1)


async def run_workers(stop: asyncio.Event) -> None:
    """Run one worker for each kind of load until told to stop, or until one of them ends.

    Reading documents takes a core each; waiting for models, or for receivers of webhooks, takes
    none. Apart, none keeps another waiting.
    """
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4)
    with app.replace_connector(connector) as the_app:  # `app` is a proxy of it
        the_app.job_manager = manager = PatientJobManager(connector, "analyses")
        async with app.open_async():
            loads = {
                "documents": (["documents"], settings.EXTRACTION_CONCURRENCY),
                "analyses": (["analyses"], settings.WORKER_CONCURRENCY),
                "webhooks": (["webhooks"], settings.WEBHOOK_CONCURRENCY),  # waiting, as well
                "upkeep": (["upkeep", "mail"], 4),  # never behind a backlog of analyses
            }
            workers = [
                asyncio.create_task(
                    app.run_worker_async(
                        name=name,
                        queues=queues,
                        concurrency=concurrency,
                        shutdown_graceful_timeout=settings.WORKER_GRACE_SECONDS,
                        install_signal_handlers=False,
                    )
                )
                for name, (queues, concurrency) in loads.items()
            ]
            told = asyncio.create_task(stop.wait())
            await asyncio.wait({*workers, told}, return_when=asyncio.FIRST_COMPLETED)
            manager.stopping.set()
            for task in (*workers, told):
                task.cancel()
            for outcome in await asyncio.gather(*workers, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
