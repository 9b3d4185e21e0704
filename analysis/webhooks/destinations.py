"""Where webhooks may go: which addresses are refused, whatever name leads to them.

A URL comes from a user and is called from inside our network, so it must not reach what only this
network sees: databases, the platform's metadata, other services.
"""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from django.conf import settings

# Anything else is refused: user names, fragments, white space, control characters, other scripts.
LABEL = "[A-Za-z0-9_-]{1,63}"
URL = (
    rf"(https?)://({LABEL}(?:\.{LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?"
    r"([/?][!\"$-~]*)?"
)
DEFAULT_PORTS = {"https": 443, "http": 80}

IPV6_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# Public by their registration, and yet not somebody's server on the internet.
REFUSED_NETWORKS = [
    ip_network("168.63.129.16/32"),  # Azure's metadata and DNS, seen from its machines only
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("3fff::/20"),  # documentation
]

# Threads of their own: a name server that never answers holds up webhooks, and nothing else.
_resolvers = ThreadPoolExecutor(16, thread_name_prefix="webhook-dns")


class Refused(Exception):
    """Nothing is sent there. `str(error)` tells the owner why, and nothing of our network."""


class Destination(NamedTuple):
    scheme: str
    host: str  # an IPv6 address without its brackets
    port: int
    target: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def destination_of(url: str) -> Destination:
    """Return where a URL leads. Raises Refused, also for an address written into the URL."""
    match = re.fullmatch(URL, url)
    if match is None:
        raise Refused("A URL such as https://example.com/hook is expected, all of it in ASCII.")
    scheme, host, port, target = match.groups(default="")
    if scheme not in settings.WEBHOOK_SCHEMES:
        raise Refused("Webhooks are sent by https only.")
    number = int(port or DEFAULT_PORTS[scheme])
    if not 0 < number < 65_536:
        raise Refused("There is no such port.")
    host = host.strip("[]")
    try:  # without a name server; this reads 127.1 and 0x7f000001 as the connection would
        found = socket.getaddrinfo(host, number, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # it is a name
    else:
        refuse_internal([str(one[4][0]) for one in found])
    return Destination(scheme, host, number, target if target.startswith("/") else f"/{target}")


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses that a name has now. Raises OSError."""

    def lookup() -> list[str]:
        flags = socket.AI_ADDRCONFIG
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    return await asyncio.get_running_loop().run_in_executor(_resolvers, lookup)


def refuse_internal(addresses: list[str]) -> None:
    """Raises Refused unless each of the addresses may be connected to."""
    if not all(is_allowed(address) for address in addresses):
        raise Refused("The host is not on the public internet: webhooks are not sent there.")


def is_allowed(text: str) -> bool:
    """Whether a webhook may go to this address: a public one, or in a network the settings name."""
    address = embedded(ip_address(text))
    if any(address in network for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return True
    if isinstance(address, IPv6Address) and address not in IPV6_UNICAST:
        return False
    is_public = address.is_global and not address.is_multicast
    return is_public and not any(address in network for network in REFUSED_NETWORKS)


def embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address leads to, where it does; else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address
