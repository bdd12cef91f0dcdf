"""Limits on what is read of one request beside its body: its URL, its headers, and the framing of its body.

A header that identifies the caller or the target may occur once: programs on the way differ in which of two
they use.

The parser has no limit of its own and keeps an unfinished header however long it grows. Both are therefore
counted: what the parser delivers, exactly, and what it still keeps, by the received bytes.
"""

from dataclasses import dataclass

import orjson

from gateway.http.protocols.security_headers import header_lines

LINE_OVERHEAD = 4
"""The colon, the blank and the line break of a header line, so that empty headers count as well."""
FRAMING_PER_BODY_BYTE = 8
"""A body in chunks of one byte has five bytes of framing for each: this many are allowed beside the limit."""
ONCE = frozenset(
    {b"host", b"authorization", b"content-type", b"content-encoding", b"origin", b"last-event-id"}
)
"""Header lines of which a request may have only one; the parser checks those that frame the body."""


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Limits of one request: its head in bytes, its header lines (trailers included), its URL in bytes."""

    head_bytes: int = 32_768
    headers: int = 100
    url_bytes: int = 8_192


@dataclass(frozen=True, slots=True)
class HeadRefusal:
    """The response to a refused request; the connection ends with it."""

    status: int
    phrase: str
    code: str
    message: str
    retry_after_s: int | None = None

    def response(self) -> bytes:
        """The whole response, in the shape of every other refusal."""
        error = {"message": self.message, "extensions": {"code": self.code}}
        body = orjson.dumps({"errors": [error]})
        retry = "" if self.retry_after_s is None else f"retry-after: {self.retry_after_s}\r\n"
        return (
            f"HTTP/1.1 {self.status} {self.phrase}\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            f"{header_lines()}{retry}"
            "connection: close\r\n\r\n"
        ).encode() + body


class RequestHead:
    """Counts the requests of one connection, one after the other; `refusal` is the first limit exceeded."""

    __slots__ = (
        "_body_bytes",
        "_bytes",
        "_came",
        "_coming",
        "_headers",
        "_in_body",
        "_limits",
        "_once",
        "_url_bytes",
        "refusal",
    )

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._coming = self._came = 0
        self.refusal: HeadRefusal | None = None
        self.begin()

    def coming(self, size: int) -> None:
        """So many bytes were read and will be parsed now."""
        self._coming = size
        self._came += size

    def begin(self) -> None:
        """A request begins."""
        self._bytes = self._headers = self._url_bytes = self._body_bytes = 0
        self._came = self._coming
        self._in_body = False
        self._once: set[bytes] = set()

    def url(self, size: int) -> None:
        """A part of the URL."""
        self._url_bytes += size
        self._bytes += size
        if self._url_bytes > self._limits.url_bytes:
            self._refuse_url()

    def header(self, name: bytes, size: int) -> None:
        """A header line, or a trailer of the body; `size` without the overhead."""
        self._headers += 1
        self._bytes += size + LINE_OVERHEAD
        if self._bytes > self._limits.head_bytes or self._headers > self._limits.headers:
            self._refuse_headers()
        elif (lower := name.lower()) in ONCE:
            if lower in self._once:
                self._refuse_repeated(lower)
            self._once.add(lower)

    def ended(self, version: str) -> None:
        """The head is complete: the body follows. Only HTTP/1.0 has requests without a Host."""
        if version != "1.0" and b"host" not in self._once:
            self._refuse(400, "Bad Request", "HOST_MISSING", "The request has no Host header.")
        self._in_body = True
        self._came = 0

    def body(self, size: int) -> None:
        """A part of the body."""
        self._body_bytes += size

    def complete(self) -> None:
        """The request is complete: further bytes belong to another."""
        self._coming = 0

    def check(self) -> None:
        """Check, after parsing, that the parser does not keep more than it may."""
        if self._came > self._limits.head_bytes + self._allowed_body():
            self._refuse_headers()

    def _allowed_body(self) -> int:
        return self._body_bytes * (1 + FRAMING_PER_BODY_BYTE) if self._in_body else 0

    def _refuse_url(self) -> None:
        most = self._limits.url_bytes
        self._refuse(414, "URI Too Long", "URL_TOO_LONG", f"The URL is longer than {most} bytes.")

    def _refuse_headers(self) -> None:
        self._refuse(
            431,
            "Request Header Fields Too Large",
            "HEADERS_TOO_LARGE",
            f"The headers of the request are larger than {self._limits.head_bytes} bytes, "
            f"or more than {self._limits.headers}.",
        )

    def _refuse_repeated(self, name: bytes) -> None:
        message = f"The header {name.decode()} occurs twice: send it once."
        self._refuse(400, "Bad Request", "HEADER_REPEATED", message)

    def _refuse(self, status: int, phrase: str, code: str, message: str) -> None:
        if self.refusal is None:
            self.refusal = HeadRefusal(status, phrase, code, message)
