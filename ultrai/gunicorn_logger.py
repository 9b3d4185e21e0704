"""gunicorn's messages, in the form of all others and with nothing of a request's content."""

from logging.config import dictConfig
from typing import Any

from gunicorn.glogging import Logger

from ultrai import settings


class GunicornLogger(Logger):
    def setup(self, cfg: Any) -> None:
        """Take our logging; there is no access log here, see ultrai.observation."""
        self.cfg = cfg
        self._access_log_enabled = False
        dictConfig(settings.LOGGING)
        self.error_log.setLevel(cfg.loglevel.upper())
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Every request has its line already."""

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        if str(msg).startswith("Invalid request from ip="):  # goes on with the line that it sent
            msg = "A request that is no valid HTTP was refused"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        # "Error handling request %s": the URI, query string included.
        super().exception(str(msg).partition(" %s")[0], **kwargs)
