"""One request to one receiver: bounded in time and size, to the very address that was checked."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpcore2
from django.conf import settings

from analysis.webhooks.destinations import (
    Destination,
    Refused,
    destination_of,
    refuse_internal,
    resolve,
)

CONNECT_SECONDS = 5.0  # for each address of a name
MAX_ADDRESSES = 3
MAX_ERROR_LENGTH = 500


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt. Without a status nothing was answered."""

    status: int | None = None
    error: str = ""  # for the owner to read; empty: it has arrived
    retry_after: int | None = None


class Sender:
    """Sends messages; by default with the system's name server and trusted certificates."""

    def __init__(
        self,
        resolve: Callable[[str, int], Awaitable[list[str]]] = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.resolve = resolve
        self.tls = tls or httpcore2.default_ssl_context()  # heeds SSL_CERT_FILE

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it, once. The name is looked up once: what is checked is what is connected to."""
        seconds = settings.WEBHOOK_TIMEOUT_SECONDS
        try:
            async with asyncio.timeout(seconds):
                destination = destination_of(url)
                addresses = await self.resolve(destination.host, destination.port)
                refuse_internal(addresses)
                return await self._post_to_one_of(addresses, destination, headers, body)
        except Refused as error:
            return Outcome(error=str(error))
        except TimeoutError:
            return Outcome(error=f"No answer within {seconds} seconds.")
        except (OSError, UnicodeError):
            return Outcome(error="The host name could not be resolved.")
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
        ) as error:
            reason = str(error) or type(error).__name__
            return Outcome(error=f"No answer: {reason}"[:MAX_ERROR_LENGTH])

    async def _post_to_one_of(
        self, addresses: list[str], to: Destination, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        """Try a name's addresses in turn until one can be connected to."""
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._post(address, to, headers, body)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _post(
        self, address: str, to: Destination, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        """The URL names the address, so nothing is looked up again; Host and TLS name the host."""
        url = httpcore2.URL(scheme=to.scheme, host=address, port=to.port, target=to.target)
        async with (
            httpcore2.AsyncConnectionPool(ssl_context=self.tls) as pool,
            pool.stream(
                "POST",
                url,
                headers=[("host", to.host_header), *headers.items()],
                content=body,
                extensions={"sni_hostname": to.host, "timeout": {"connect": CONNECT_SECONDS}},
            ) as response,
        ):
            # The body is not read: nothing in it counts, and it may never end.
            if 200 <= response.status < 300:
                return Outcome(response.status)
            return Outcome(
                response.status,
                f"It answered {response.status}.",
                retry_after(response.headers),
            )


def retry_after(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return how many seconds the receiver wants to be left alone; a date is not read."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 9:
            return int(value)
    return None
