"""Posts to endpoints named by clients: the name is resolved for every post, and its addresses are checked.

The connection goes to a checked address, so a name that resolves differently a moment later leads nowhere
else. Redirects and proxies are not used, and only the status of the response is read.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from urllib.parse import SplitResult, urlsplit

from domain.webhook import UrlPolicy, check_url, is_public
from messages.threads import NoThread, Threads

STATUS_BYTES_MAX = 1024
RESOLVING_MAX = 50
"""The most concurrent name look-ups: a hanging look-up cannot be interrupted."""
HEADERS_MAX = 100
FAULTS = (OSError, ValueError, NoThread, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""The errors of resolving, connecting, TLS and a malformed response."""
REASON_CHARACTERS_MAX = 200
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "the name of the host cannot be resolved"),
    (UnicodeError, "the name of the host is not valid"),
    (ssl.SSLCertVerificationError, "the certificate of the receiver cannot be verified"),
    (ssl.SSLError, "no TLS connection could be made"),
    (ConnectionRefusedError, "the receiver refuses connections"),
    (ConnectionError, "the connection was lost"),
    (asyncio.IncompleteReadError, "the connection was closed before the answer was complete"),
    (asyncio.LimitOverrunError, "a line of the answer is too long"),
    (NoThread, "the desk could not look up the name of the host"),
    (ValueError, "the answer or the address is not acceptable"),
    (OSError, "the receiver cannot be reached"),
)
"""The first matching entry applies; each of `FAULTS` has one."""


@cache
def _tls() -> ssl.SSLContext:
    """Created for the first endpoint that needs it: reading all trusted authorities takes a tenth of a
    second.
    """
    return ssl.create_default_context()


class WebhookPoster:
    """Implements `messages.base.WebhookPort` on plain sockets."""

    def __init__(
        self,
        policy: UrlPolicy,
        timeout_s: float,
        *,
        resolving_max: int = RESOLVING_MAX,
        resolve: Callable[[str, int], list[str]] | None = None,
    ) -> None:
        """`resolve` replaces the system's look-up of a host and port; it may block."""
        self._policy = policy
        self._timeout_s = timeout_s
        self._resolve = resolve or _resolve
        self._threads = Threads(resolving_max, "resolve-webhook")

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> str | None:
        """None if the receiver accepted it, otherwise why not."""
        refusal = check_url(url, self._policy)
        if refusal is not None:
            return refusal.message
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(urlsplit(url), headers, body)
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except FAULTS as fault:
            return f"{_meaning(fault)} ({fault})"[:REASON_CHARACTERS_MAX]
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
            # Not `wait_closed`, which would wait for a peer that does not answer the TLS close.
            writer.transport.abort()

    async def _address(self, host: str, port: int) -> str:
        return self._chosen(await self._threads.run(lambda: self._resolve(host, port)))

    def _chosen(self, addresses: Sequence[str]) -> str:
        """The first address if all are allowed: a name with a single private address is not trusted."""
        if not self._policy.allow_private and not all(is_public(address) for address in addresses):
            raise ValueError("the host has an address that is not public")
        return addresses[0]


def _meaning(fault: Exception) -> str:
    """For the owner of the endpoint, in words instead of the library's exception."""
    return next(meaning for kind, meaning in _MEANINGS if isinstance(fault, kind))


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
    """The status of the final response; 1xx responses are skipped."""
    while True:
        line = await reader.readuntil(b"\n")
        version, code, *_ = line.decode("latin-1").split(None, 2)
        if not version.startswith("HTTP/1.") or len(code) != 3:
            raise ValueError("the response is not HTTP/1.1")
        status = int(code)
        if status >= 200:
            return status
        for _ in range(HEADERS_MAX):
            if not (await reader.readuntil(b"\n")).strip():
                break
