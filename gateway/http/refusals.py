"""Refusals of HTTP requests before GraphQL: a status, and a body in the shape of a GraphQL error."""

import math
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.http import media
from gateway.rates.rate_limits import Excess
from resolvers.kit.errors import INTERNAL, DatabaseTrouble, internal_error, refused_by_database

BAD_REQUEST = "BAD_REQUEST"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"

RATE_LIMITED = "RATE_LIMITED"

RETRY_AFTER_S = 1
NO_STORE = {"Cache-Control": "no-store"}
"""Without it a cache may keep a 404 or 405."""


class HttpRefused(Exception):
    """Answered with a status, a code and a message that says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.response = error_response(status, code, message, **facts)
        self.response.headers.update(headers or {})
        self.is_rate_limit = code == RATE_LIMITED


def error_response(status: int, code: str, message: str, **facts: object) -> JSONResponse:
    """A refusal outside GraphQL, in the shape of a GraphQL error."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **facts}}]}
    return JSONResponse(body, status_code=status, headers=NO_STORE)


def in_accepted_type(response: Response, accept: str | None) -> Response:
    """A refusal on `/graphql`: clients look for codes in a body of GraphQL's own type, whatever the status,
    and in one of JSON only where the status says success.
    """
    response.headers["content-type"] = (
        media.negotiated(accept, (media.JSON, media.GRAPHQL_RESPONSE)) or media.JSON
    )
    return response


def unauthenticated(code: str, message: str, retry_after_s: float | None) -> HttpRefused:
    """No valid token; `retry_after_s`: the same one may be valid then."""
    headers = {"WWW-Authenticate": "Bearer"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    return HttpRefused(401, code, message, headers)


def rate_limited(excess: Excess, headers: Mapping[str, str] | None = None) -> HttpRefused:
    """A rate limit is exceeded."""
    headers = {"Retry-After": str(excess.whole_seconds), **(headers or {})}
    return HttpRefused(429, RATE_LIMITED, excess.message, headers, **_facts(excess))


def rate_limited_error(excess: Excess) -> GraphQLError:
    """The error of an operation on a socket."""
    return GraphQLError(excess.message, extensions={"code": RATE_LIMITED, **_facts(excess)})


def _facts(excess: Excess) -> dict[str, Any]:
    return {"limit": excess.limit, "retryAfterS": excess.whole_seconds}


def method_not_allowed(message: str, *allowed: str) -> HttpRefused:
    """Another method is needed."""
    return HttpRefused(405, METHOD_NOT_ALLOWED, message, {"Allow": ", ".join(allowed)})


async def fault_response(request: Request, fault: Exception) -> Response:
    """The response to a request that a bug has ended; uvicorn logs the traceback once more."""
    error = internal_error(fault, "request failed", path=request.url.path)
    # Sent outside of every middleware.
    request.app.state.http_errors.count(500, INTERNAL)
    # uvicorn ends the connection after it: without this a client would send its next request there.
    response = JSONResponse({"errors": [error.formatted]}, 500, {"Connection": "close"})
    return in_accepted_type(response, request.headers.get("accept"))


def database_trouble(trouble: DatabaseTrouble, path: str) -> JSONResponse:
    """The response for a failure outside GraphQL's own answer; the client may send the request again."""
    refused = refused_by_database(trouble, path)
    response = error_response(503, refused.code, refused.message, **refused.facts)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
