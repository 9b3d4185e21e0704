"""Before the settings are read: production's, on a database of the benchmark's own."""

import os
from urllib.parse import urlsplit, urlunsplit

from ultrai.development import development_secrets, prepare

BENCHMARK_DATABASE = "ultrai_benchmark"


def prepare_environment(documents: int) -> str:
    """Set what the service needs, for this process and those it starts; return the server's URL.

    The server is the one that DATABASE_URL names, or the embedded one. Nothing that is in the
    database of that URL is read or written: the benchmark makes one beside it for each size.
    """
    if not os.environ.get("DATABASE_URL"):
        os.environ["DEBUG"] = "True"
        prepare()
    server = os.environ["DATABASE_URL"]
    name = f"{BENCHMARK_DATABASE}_{documents}"
    os.environ |= {
        **development_secrets(),
        "DATABASE_URL": urlunsplit(urlsplit(server)._replace(path=f"/{name}")),
        "DEBUG": "False",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "ultrai.settings",
        "LOG_LEVEL": "WARNING",
        "QUOTA_DOCUMENTS": "100000000",
        "QUOTA_MB": "100000000",
    }
    for rate in ("USER", "ADDRESS", "LOGIN", "LOGIN_ADDRESS"):
        os.environ[f"THROTTLE_{rate}"] = "off"
    return server
