"""The addresses of clients, and how many connections each has.

Behind a proxy that the operator trusts, the client's address is the last one in `X-Forwarded-For` that is no
trusted proxy: uvicorn replaces the peer by it. A connection from a trusted proxy that names no client has no
address, and no limit by address holds for it: one limit for all clients of the proxy would be worse.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, ip_address, ip_network

IPV6_PREFIX = 64
"""Of IPv6 a subscriber has a whole network of this size, so its addresses count as one."""
UNKNOWN_CHARACTERS_MAX = 64
KNOWN_HOSTS = 1024
"""Addresses of peers that are kept as they count."""
_MAPPED = "::ffff:"
"""How a socket for both versions of IP, such as one at `::`, names an address of IPv4 (RFC 4291)."""
_MAPPED_BITS = 96


class Addresses:
    """Says which address counts; `proxies` are the trusted ones."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._proxies = [ip_network(each) for each in proxies]
        self._known = lru_cache(maxsize=KNOWN_HOSTS)(self._of_host)

    def of(self, client: tuple[str, int] | None) -> str | None:
        """Of the client in an ASGI scope; None: it has none, as a Unix socket, or it is a trusted proxy."""
        if client is None:
            return None
        host = client[0]
        return (self._known if len(host) <= UNKNOWN_CHARACTERS_MAX else self._of_host)(host)

    def _of_host(self, host: str) -> str | None:
        try:
            address = ip_address(host)
        except ValueError:
            # What a proxy put there instead, such as `unknown`.
            return host[:UNKNOWN_CHARACTERS_MAX]
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if any(address in network for network in self._proxies):
            return None
        if isinstance(address, IPv6Address):
            return str(ip_network((int(address), IPV6_PREFIX), strict=False))
        return str(address)


def in_both_forms(proxies: Iterable[str]) -> list[str]:
    """The networks, those of IPv4 also as a socket for both versions of IP sees them: uvicorn compares
    literally, and would not believe a trusted proxy there.
    """
    networks = [ip_network(each) for each in proxies]
    mapped = [
        f"{_MAPPED}{each.network_address}/{_MAPPED_BITS + each.prefixlen}"
        for each in networks
        if isinstance(each, IPv4Network)
    ]
    return [*map(str, networks), *mapped]


class Places:
    """The connections of each address, of which each may have `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: Counter[str] = Counter()

    def take(self, address: str | None) -> bool:
        """Count one more; False: the address has all of its own."""
        if address is None:
            return True
        if self.full(address):
            return False
        self._taken[address] += 1
        return True

    def leave(self, address: str | None) -> None:
        """One that was counted has ended."""
        if address is None:
            return
        self._taken[address] -= 1
        if not self._taken[address]:
            del self._taken[address]

    def full(self, address: str | None) -> bool:
        """Whether the address has all of its own."""
        return address is not None and self._taken.get(address, 0) >= self.most
