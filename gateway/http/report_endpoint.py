"""`GET /reports/<name>.csv`: a report, streamed, for callers who may export records."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.moments import parse_day
from domain.principal import Capability
from gateway.http.refusals import (
    HttpRefused,
    database_trouble,
    error_response,
    rate_limited,
)
from gateway.http.reports import NoPeriod, ReportTooLong, UnknownReport, begin, period_of
from gateway.http.token_check import RequestCheck
from gateway.logs import current_request_id
from gateway.resources import Resources
from models.report import Period
from resolvers.kit.errors import DATABASE_TROUBLE


class ReportEndpoint:
    """An ASGI application; served with the database active."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._check = RequestCheck(resources)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        resources = self._resources
        desk = resources.desk
        try:
            principal = self._check.principal(request)
        except HttpRefused as refused:
            return refused.response
        if (excess := resources.rates.operation(principal.subject, 0)) is not None:
            return rate_limited(excess).response
        if not principal.audience.may(Capability.EXPORT_RECORDS):
            return error_response(403, "FORBIDDEN", "Your token does not permit exporting records.")
        principal = replace(principal, request_id=current_request_id())
        name = request.path_params["name"]
        try:
            period = _period(request.query_params.multi_items())
            lines = await begin(
                desk, principal, principal.audience, name, period, resources.settings.report_max_cases
            )
        except UnknownReport as unknown:
            return error_response(404, "BAD_REQUEST", str(unknown))
        except (NoPeriod, ReportTooLong) as bad:
            return error_response(400, "BAD_REQUEST", str(bad))
        except DATABASE_TROUBLE as trouble:
            return database_trouble(trouble, request.url.path)
        return StreamingResponse(
            _encoded(lines),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name}.csv"',
                "Cache-Control": "no-store",
            },
        )


def _period(query: Sequence[tuple[str, str]]) -> Period:
    """Raises `NoPeriod`, also for a parameter that would be ignored."""
    days: dict[str, str] = {}
    for name, value in query:
        if name not in ("from", "to"):
            raise NoPeriod(f"a report has the parameters from and to, and not {name[:40]!a}")
        if name in days:
            raise NoPeriod(f"the parameter {name} occurs twice")
        days[name] = value
    first, last = (_day(days.get(name, "")) for name in ("from", "to"))
    return period_of(first, last)


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as reason:
        raise NoPeriod(f"from and to must each be {reason}") from None


async def _encoded(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line.encode()
