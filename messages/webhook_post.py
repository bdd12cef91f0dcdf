"""Posts to an endpoint that somebody else named: the name is resolved for every post, and only then trusted.

The connection goes to an address that was looked at, so a name that resolves to something else a moment later
leads nowhere else. There are no redirects, no proxies, and of the answer only the status is read.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from urllib.parse import SplitResult, urlsplit

from domain.webhook import UrlRules, check_url, is_public
from messages.threads import NoThread, Threads

STATUS_BYTES_MAX = 1024
RESOLVING_MAX = 50
"""How many names may be looked up at once: a look-up that hangs cannot be interrupted."""
HEADERS_MAX = 100
FAULTS = (OSError, ValueError, NoThread, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""What resolving, connecting, TLS and a malformed answer raise."""


@cache
def _tls() -> ssl.SSLContext:
    """Made when the first endpoint wants it: reading every trusted authority takes a tenth of a second."""
    return ssl.create_default_context()


class WebhookPoster:
    """Implements `messages.base.WebhookPort` on plain sockets."""

    def __init__(
        self,
        rules: UrlRules,
        timeout_s: float,
        *,
        resolving_max: int = RESOLVING_MAX,
        resolve: Callable[[str, int], list[str]] | None = None,
    ) -> None:
        """`resolve`: the addresses of a host and port, in place of the system's; it may block."""
        self._rules = rules
        self._timeout_s = timeout_s
        self._resolve = resolve or _resolve
        self._threads = Threads(resolving_max, "resolve-webhook")

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> str | None:
        """None when the receiver took it, else why not."""
        refusal = check_url(url, self._rules)
        if refusal is not None:
            return refusal.message
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(urlsplit(url), headers, body)
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except FAULTS as fault:
            return f"{type(fault).__name__}: {fault}"[:200]
        return None if 200 <= status < 300 else f"answered with status {status}"

    async def _post(self, url: SplitResult, headers: dict[str, str], body: bytes) -> int:
        assert url.hostname is not None
        is_tls = url.scheme == "https"
        port = url.port or (443 if is_tls else 80)
        address = await self._address(url.hostname, port)
        reader, writer = await asyncio.open_connection(
            address,
            port,
            ssl=_tls() if is_tls else None,
            server_hostname=url.hostname if is_tls else None,
            limit=STATUS_BYTES_MAX,
        )
        try:
            writer.write(_request(url, headers, body))
            await writer.drain()
            return await _status(reader)
        finally:
            # Not `wait_closed`: a peer that does not answer the goodbye would be waited for.
            writer.transport.abort()

    async def _address(self, host: str, port: int) -> str:
        return self._chosen(await self._threads.run(lambda: self._resolve(host, port)))

    def _chosen(self, addresses: Sequence[str]) -> str:
        """The first, if all may be posted to: a name with one private address among them is not trusted."""
        if not self._rules.allow_private and not all(is_public(address) for address in addresses):
            raise ValueError("the host has an address that is not public")
        return addresses[0]


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _request(url: SplitResult, headers: dict[str, str], body: bytes) -> bytes:
    target = url._replace(scheme="", netloc="").geturl() or "/"
    lines = [
        f"POST {target if target.startswith('/') else '/' + target} HTTP/1.1",
        f"host: {url.netloc}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "user-agent: margin-call-desk",
        "connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def _status(reader: asyncio.StreamReader) -> int:
    """Of the final answer: those before it (1xx) only announce it."""
    while True:
        line = await reader.readuntil(b"\n")
        version, code, *_ = line.decode("latin-1").split(None, 2)
        if not version.startswith("HTTP/1.") or len(code) != 3:
            raise ValueError("the answer is not HTTP/1.1")
        status = int(code)
        if status >= 200:
            return status
        for _ in range(HEADERS_MAX):
            if not (await reader.readuntil(b"\n")).strip():
                break
