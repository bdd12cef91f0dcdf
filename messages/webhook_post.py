"""Posts to endpoints named by clients: the name is resolved for every post, and its addresses are checked.

The connection goes to a checked address, so a name that resolves differently a moment later leads nowhere
else; a client library would resolve the name itself. h11 writes the request and reads the response. Redirects
and proxies are not used, and of the response only the head is read, for its status.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from urllib.parse import SplitResult, urlsplit

import h11

from domain.webhook import UrlPolicy, check_url, is_public
from messages.threads import NoThread, Threads

HEAD_BYTES_MAX, READ_BYTES = 64 * 1024, 4096
RESOLVING_MAX = 50
"""The most concurrent name look-ups: a hanging look-up cannot be interrupted."""
FAULTS = (OSError, ValueError, NoThread, h11.ProtocolError)
"""The errors of resolving, connecting, TLS and a malformed response."""
REASON_CHARACTERS_MAX = 200
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "the name of the host cannot be resolved"),
    (UnicodeError, "the name of the host is not valid"),
    (ssl.SSLCertVerificationError, "the certificate of the receiver cannot be verified"),
    (ssl.SSLError, "no TLS connection could be made"),
    (ConnectionRefusedError, "the receiver refuses connections"),
    (ConnectionError, "the connection was lost"),
    (NoThread, "the desk could not start a thread to look up the name of the host"),
    (h11.RemoteProtocolError, "the receiver's answer is not valid HTTP"),
    (h11.ProtocolError, "the address is not acceptable"),
    (ValueError, "the address is not acceptable"),
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
            limit=READ_BYTES,
        )
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        try:
            writer.write(_request(http, url, headers, body))
            await writer.drain()
            return await _status(http, reader)
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
    return [str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _request(http: h11.Connection, url: SplitResult, headers: dict[str, str], body: bytes) -> bytes:
    target = url._replace(scheme="", netloc="").geturl() or "/"
    request = h11.Request(
        method="POST",
        target=target if target.startswith("/") else f"/{target}",
        headers=[
            ("host", url.netloc),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("user-agent", "margin-call-desk"),
            ("connection", "close"),
            *headers.items(),
        ],
    )
    parts = [http.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage())]
    return b"".join(part for part in parts if part)


async def _status(http: h11.Connection, reader: asyncio.StreamReader) -> int:
    """The status of the final response; 1xx responses are skipped."""
    while not isinstance(event := http.next_event(), h11.Response):
        if event is h11.NEED_DATA:
            received = await reader.read(READ_BYTES)
            if not received:
                raise ConnectionError("it was closed before the answer was complete")
            http.receive_data(received)
    return event.status_code
