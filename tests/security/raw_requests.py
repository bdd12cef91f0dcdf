"""HTTP requests as bytes: valid ones, and what can be wrong with their head, their body and its framing."""

from dataclasses import dataclass

import orjson

from tests.security.odd_bytes import HTTP_2_PREFACE, ODD_PIECES, TLS_HELLO, Chance, changed, odd_body, one_of

DOCUMENTS = (
    "{ viewer { subject } }",
    "{ cases(first: 10) { nodes { id account { accountNo client { name } } } } }",
    "query ($n: Int!) { clients(first: $n) { nodes { id } } }",
    "subscription { caseSummary { openCases } }",
    'mutation { updateRemark(input: {idempotencyKey: "k", caseId: "x", remark: "y"}) { __typename } }',
)
PATHS = """
/graphql /graphql /graphql /graphql/ / /graphql/stream /healthz /readyz /metrics /nothing *
/reports/aging.csv?from=2020-01-01&to=2020-12-31
/graphql?query=%7B__typename%7D&variables=%7B%7D
/graphql?query=%7Bviewer%7Bsubject%7D%7D&extensions=%5B%5D
http://other.example/graphql
""".split()
METHODS = (
    "POST",
    "POST",
    "POST",
    "GET",
    "GET",
    "OPTIONS",
    "HEAD",
    "PUT",
    "DELETE",
    "TRACE",
    "CONNECT",
    "get",
    "",
)
ACCEPTS = (
    "application/json",
    "text/event-stream",
    "text/html",
    "*/*;q=NaN",
    "application/graphql-response+json",
)
LONGEST_HEADER = 100_000
LARGEST_BODY = 300_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where the bytes go, and the token that most of them carry."""

    port: int
    token: str


def raw_request(target: Target, chance: Chance) -> bytes:
    """One request, or several behind each other, or bytes that are none."""
    return one_of(_KINDS, chance)(target, chance)


def valid(target: Target, chance: Chance) -> bytes:
    """As any client sends it."""
    body = orjson.dumps({"query": chance.choice(DOCUMENTS), "variables": {"n": chance.randint(1, 100)}})
    return _head(target, chance, f"Content-Length: {len(body)}") + body


def _head(target: Target, chance: Chance, *more: str, method: str = "POST", path: str = "/graphql") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{target.port}",
        f"Authorization: {target.token}",
        f"Accept: {chance.choice(ACCEPTS)}",
        "Content-Type: application/json",
        *more,
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def _changed(target: Target, chance: Chance) -> bytes:
    return changed(valid(target, chance), chance)


def _other_method_or_path(target: Target, chance: Chance) -> bytes:
    path = changed(chance.choice(PATHS).encode(), chance).decode("latin-1") if chance.random() < 0.3 else None
    head = _head(
        target, chance, "Content-Length: 2", method=chance.choice(METHODS), path=path or chance.choice(PATHS)
    )
    return head + b"{}"


def _odd_body(target: Target, chance: Chance) -> bytes:
    request = {
        "query": chance.choice(DOCUMENTS),
        "variables": {"n": 1},
        "operationName": None,
        "extensions": {},
    }
    body = odd_body(request, chance)
    return _head(target, chance, f"Content-Length: {len(body)}") + body


def _wrong_length(target: Target, chance: Chance) -> bytes:
    lengths = (
        "-1",
        "+5",
        "0x10",
        "1e3",
        "99999999999999999999",
        "5, 5",
        "5, 6",
        "",
        " ",
        "0",
        "1",
        "50",
        "100001",
    )
    return _head(target, chance, f"Content-Length: {chance.choice(lengths)}") + b'{"query":"{ __typename }"}'


def _chunked(target: Target, chance: Chance) -> bytes:
    body = orjson.dumps({"query": chance.choice(DOCUMENTS)})
    sizes = [chance.randint(1, len(body)) for _ in range(3)]
    chunks = b""
    for size in sizes:
        piece, body = body[:size], body[size:]
        chunks += b"%x%s\r\n%s\r\n" % (len(piece), b";x=" + b"y" * chance.choice((0, 10, 40_000)), piece)
    trailers = b"X-Trailer: 1\r\n" * chance.choice((0, 1, 200))
    framed = chunks + b"0\r\n" + trailers + b"\r\n"
    more = [
        "Transfer-Encoding: "
        + chance.choice(("chunked", "chunked", "gzip, chunked", "chunked, identity", "xchunked"))
    ]
    more += ["Content-Length: 5"] if chance.random() < 0.2 else []
    return _head(target, chance, *more) + (changed(framed, chance) if chance.random() < 0.6 else framed)


def _large_head(target: Target, chance: Chance) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return _head(target, chance, f"X-Large: {'x' * chance.randint(20_000, LONGEST_HEADER)}")
    if kind == 1:
        return _head(target, chance, *(f"X-{number}: 1" for number in range(chance.randint(90, 3000))))
    if kind == 2:
        return _head(target, chance, path="/graphql?query=" + "x" * chance.randint(8_000, LONGEST_HEADER))
    return b"GET /graphql HTTP/1.1\r\nX" + b"x" * chance.randint(20_000, LONGEST_HEADER)


def _odd_header(target: Target, chance: Chance) -> bytes:
    names = (
        "Authorization",
        "Host",
        "Accept",
        "Content-Type",
        "Origin",
        "X-Request-ID",
        "Content-Encoding",
        "Cookie",
    )
    value = changed(b"application/json; charset=utf-8", chance)
    line = chance.choice(names).encode() + b": " + value + b"\r\n"
    body = b'{"query":"{ __typename }"}'
    head = _head(target, chance, f"Content-Length: {len(body)}")
    return head[:-2] + line + b"\r\n" + body


def _large_body(target: Target, chance: Chance) -> bytes:
    size = chance.randint(50_000, LARGEST_BODY)
    return _head(target, chance, f"Content-Length: {size}") + b'{"query":"' + b" " * size


def _pipelined(target: Target, chance: Chance) -> bytes:
    return b"".join(valid(target, chance) for _ in range(chance.randint(2, 40)))


def _smuggled(target: Target, chance: Chance) -> bytes:
    inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    framing = (
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Transfer-Encoding:\tchunked\r\nContent-Length: 4",
        "Content-Length: 0\r\nContent-Length: 40",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    )
    return _head(target, chance, chance.choice(framing)) + b"0\r\n\r\n" + inner


def _another_protocol(_: Target, chance: Chance) -> bytes:
    others = (
        TLS_HELLO,
        HTTP_2_PREFACE,
        b"*1\r\n$4\r\nPING\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        b"SSH-2.0-x\r\n",
    )
    return chance.choice(others) + chance.randbytes(chance.randint(0, 200))


def _noise(_: Target, chance: Chance) -> bytes:
    pieces = [chance.choice((*ODD_PIECES, chance.randbytes(chance.randint(1, 50)))) for _ in range(20)]
    return b"".join(pieces)


_KINDS = {
    valid: 1,
    _changed: 3,
    _other_method_or_path: 1,
    _odd_body: 2,
    _wrong_length: 1,
    _chunked: 2,
    _large_head: 1,
    _odd_header: 2,
    _large_body: 1,
    _pipelined: 1,
    _smuggled: 1,
    _another_protocol: 1,
    _noise: 1,
}
