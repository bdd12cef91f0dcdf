"""Weaknesses of GraphQL servers that scanners such as graphql-cop look for: probes of one request each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.kit.patience import PATIENCE_S
from tests.security.answers import error_codes, fault_of, parsed
from tests.security.findings import Check
from tests.security.served_desk import DEMO, PRODUCTION, READ_ONLY, ServedDesk

Verdict = Callable[[httpx.Response], str | None]
"""Why an answer is a finding; None: it is none."""
MANY = 100
_MUTATION = 'mutation { setKillSwitch(input: {scope: DESK, on: true, reason: "x"}) { __typename } }'
_VIEWER = "{ viewer { subject } }"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_EVIL = "https://evil.example"
_PAGES = (
    "/graphql",
    "/graphiql",
    "/playground",
    "/altair",
    "/voyager",
    "/explorer",
    "/docs",
)
_DEBUG = {
    "Apollo-Tracing": "1",
    "X-Apollo-Tracing": "1",
    "Apollo-Federation-Include-Trace": "ftv1",
    "Debug": "1",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """One request with a read-only token, unless it goes without, and what its answer must be."""

    name: str
    wrong: Verdict
    document: Any = None
    method: str = "POST"
    path: str = "/graphql"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    has_token: bool = True
    desks: tuple[str, ...] = (PRODUCTION, DEMO)

    def request(self, desk: ServedDesk) -> dict[str, Any]:
        """For `httpx`."""
        token = {"Authorization": desk.token(*READ_ONLY)} if self.has_token else {}
        request: dict[str, Any] = {
            "method": self.method,
            "url": self.path,
            "headers": {**token, **self.headers},
        }
        if self.content is not None:
            return {**request, "content": self.content}
        if self.document is None:
            return request
        given = {"query": self.document} if isinstance(self.document, str) else self.document
        return {**request, ("params" if self.method == "GET" else "json"): given}


def is_refused(answer: httpx.Response) -> str | None:
    """No data, and an error with a code."""
    document = parsed(answer.content)
    if not isinstance(document, dict) or document.get("data") is not None:
        return "it was executed"
    return None if error_codes(document) else "the refusal has no code"


def has_status(*expected: int) -> Verdict:
    """One of these, and no data."""

    def wrong(answer: httpx.Response) -> str | None:
        if answer.status_code not in expected:
            return f"status {answer.status_code} instead of {expected}"
        return is_refused(answer) if answer.content.startswith(b"{") else None

    return wrong


def says_nothing_of(*words: str) -> Verdict:
    """None of the words is in the answer."""

    def wrong(answer: httpx.Response) -> str | None:
        found = [word for word in words if word.lower() in answer.text.lower()]
        return f"the answer has {', '.join(found)}" if found else None

    return wrong


def has_few_errors(answer: httpx.Response) -> str | None:
    """Not one for each repetition: the server stops early."""
    count = len(error_codes(parsed(answer.content)))
    return is_refused(answer) or (f"{count} errors" if count > MANY / 10 else None)


def is_no_page(answer: httpx.Response) -> str | None:
    """No explorer."""
    is_page = answer.is_success and "html" in answer.headers.get("content-type", "")
    return "a page is served" if is_page else None


def allows_no_origin(answer: httpx.Response) -> str | None:
    """A browser does not let a page of another origin read it."""
    allowed = answer.headers.get("access-control-allow-origin")
    return f"the origin {allowed} is allowed" if allowed in ("*", _EVIL) else None


def _overloads() -> Iterator[Probe]:
    aliases = " ".join(f"a{number}: __typename" for number in range(MANY + 1))
    circle = "fields { type { " * 10 + "name" + " } }" * 10
    yield Probe("alias overloading", is_refused, f"{{ {aliases} }}")
    yield Probe("field duplication", is_refused, f"{{ {'__typename ' * 500} }}")
    yield Probe("batch of queries", has_status(400), [{"query": _VIEWER}] * 10)
    yield Probe("directive overloading", has_few_errors, f"{{ __typename {'@aa' * MANY} }}")
    repeated = "@include(if: true)" * MANY
    yield Probe("overloading by a known directive", has_few_errors, f"{{ viewer {{ subject {repeated} }} }}")
    yield Probe("circular query by introspection", is_refused, f"{{ __schema {{ types {{ {circle} }} }} }}")
    cycle = "{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }"
    yield Probe("fragments in a circle", is_refused, cycle)
    unknown = " ".join(f"secret{number}" for number in range(MANY))
    yield Probe("error flood", has_few_errors, f"{{ viewer {{ {unknown} }} }}")


def _leaks() -> Iterator[Probe]:
    hidden = (PRODUCTION,)
    yield Probe("introspection", is_refused, "{ __schema { types { name } } }", desks=hidden)
    yield Probe("introspection of one type", is_refused, '{ __type(name: "Case") { name } }', desks=hidden)
    suggests = says_nothing_of("did you mean", "subject")
    yield Probe("field suggestions", suggests, "{ viewer { subjet } }", desks=hidden)
    no_hint = says_nothing_of("did you mean")
    for name, document in {
        "argument": "{ cases(frist: 1) { totalCount } }",
        "type": "{ viewer { ... on Viewr { subject } } }",
        "enum value": "{ cases(filter: {status: ESCALATE}) { totalCount } }",
        "input field": "{ cases(filter: {serch: 1}) { totalCount } }",
        "directive": "{ viewer { subject @incude(if: true) } }",
    }.items():
        yield Probe(f"suggestions for an unknown {name}", no_hint, document, desks=hidden)
    for page in _PAGES:
        html = {"Accept": "text/html"}
        yield Probe(f"explorer at {page}", is_no_page, method="GET", path=page, headers=html, desks=hidden)
    no_trace = says_nothing_of("tracing", "ftv1", "stacktrace", "traceback")
    yield Probe("tracing", no_trace, _VIEWER, headers=_DEBUG)
    no_debug = says_nothing_of("exception", "stacktrace", "traceback", "debug", ".py")
    yield Probe("unhandled errors", no_debug, '{ node(id: "\\u0000") { id } }')
    yield Probe("unhandled errors of a document", no_debug, "qwerty {{{ @", headers={"Debug": "1"})


def _of_browsers() -> Iterator[Probe]:
    yield Probe("mutation by GET", has_status(405), _MUTATION, "GET")
    yield Probe("query by GET without a token", has_status(401), _VIEWER, "GET", has_token=False)
    form = f"query={_MUTATION}".encode()
    for name, kind in {
        "a form": _FORM,
        "an upload": "multipart/form-data; boundary=x",
        "text": "text/plain",
        "two types": f"{_FORM}, {_JSON}",
    }.items():
        yield Probe(f"POST as {name}", has_status(415), headers={"Content-Type": kind}, content=form)
    yield Probe("POST without a type", has_status(415), content=b'{"query": "{ __typename }"}')
    asks = {"Origin": _EVIL, "Access-Control-Request-Method": "POST"}
    yield Probe(
        "preflight of another origin", allows_no_origin, None, "OPTIONS", headers=asks, has_token=False
    )
    yield Probe("query of another origin", allows_no_origin, _VIEWER, headers={"Origin": _EVIL})


def _without_rights() -> Iterator[Probe]:
    for name, document in {"query": "{ __typename }", "mutation": _MUTATION, "half a document": "{"}.items():
        yield Probe(f"{name} without a token", has_status(401), document, has_token=False)
    report = "/reports/aging.csv?from=2020-01-01&to=2020-01-02"
    yield Probe("a report without a token", has_status(401), None, "GET", report, has_token=False)
    yield Probe(
        "an event stream without a token", has_status(401), None, "PUT", "/graphql/stream", has_token=False
    )
    for method in ("TRACE", "TRACK", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND"):
        yield Probe(
            f"method {method}", has_status(400, 404, 405, 501), None, method, headers={"X-Echo": "mirror"}
        )
    for path in (
        "/.env",
        "/.git/config",
        "/graphql/../.env",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
    ):
        yield Probe(f"path {path}", has_status(400, 404), None, "GET", path)


PROBES = (*_overloads(), *_leaks(), *_of_browsers(), *_without_rights())


async def look_for_known_weaknesses(desk: ServedDesk) -> list[Check]:
    """All probes, one after the other."""
    checks = []
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{desk.port}", timeout=PATIENCE_S, verify=False
    ) as client:
        for probe in PROBES:
            if desk.name in probe.desks:
                checks.append(await _tried(probe, desk, client))
    return checks


async def _tried(probe: Probe, desk: ServedDesk, client: httpx.AsyncClient) -> Check:
    check = Check(probe.name, desk.name, asked=1)
    request = probe.request(desk)
    answer = await client.request(**request)
    codes = error_codes(parsed(answer.content))
    check.note = f"{answer.status_code} {', '.join(dict.fromkeys(codes))}"
    wrong = fault_of(answer.status_code, answer.content) or probe.wrong(answer)
    if wrong:
        check.find(wrong, f"{request}\n{answer.text}")
    return check.done()
