"""The parameters of a GraphQL request, from a body of JSON or from a URL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from domain.document_name import DocumentName, document_name
from domain.json_fields import NotJson, read_json
from gateway.http.media import is_json
from gateway.http.refusals import BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, HttpRefused


@dataclass(frozen=True, slots=True)
class OperationParameters:
    """The parameters that the specification "GraphQL over HTTP" names."""

    query: str
    """The text of the document; empty if `document` names one."""
    variables: Mapping[str, Any] | None
    operation_name: str | None
    extensions: Mapping[str, Any] | None
    document: DocumentName | None


async def parameters_in_body(request: Request, arrived: Callable[[int], None]) -> OperationParameters:
    """Raises HttpRefused. A body that is not JSON is not read."""
    return parameters_of(await json_body(request, arrived))


async def json_body(request: Request, arrived: Callable[[int], None]) -> dict[str, Any]:
    """The object in the body; raises HttpRefused. `arrived` gets the number of its bytes before it is read,
    and may raise.
    """
    if not is_json(request.headers.get("content-type", "")):
        raise HttpRefused(
            415, UNSUPPORTED_MEDIA_TYPE, "The body must be JSON: send Content-Type: application/json."
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HttpRefused(
            415,
            UNSUPPORTED_MEDIA_TYPE,
            "The body must not be encoded: send it without Content-Encoding.",
        )
    text = await request.body()
    arrived(len(text))
    body = _json(text, "The request body")
    if not isinstance(body, dict):
        raise HttpRefused(400, BAD_REQUEST, "The request body must be a JSON object.")
    return body


def parameters_in_url(request: Request) -> OperationParameters:
    """`variables` and `extensions` are texts of JSON. Raises HttpRefused."""
    values: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise HttpRefused(400, BAD_REQUEST, f"The URL states {name[:40]} twice.")
        values[name] = value
    for name in ("variables", "extensions"):
        if values.get(name):
            values[name] = _json(values[name], name)
    return parameters_of({name: value or None for name, value in values.items()})


def parameters_of(values: Mapping[str, Any]) -> OperationParameters:
    """Raises HttpRefused for a parameter of another type."""
    try:
        document = document_name(values)
    except ValueError as unclear:
        raise HttpRefused(400, BAD_REQUEST, f"{unclear}.") from None
    query, name = values.get("query"), values.get("operationName")
    if query is None and document is not None:
        query = ""
    if not isinstance(query, str) or not (query or document):
        raise HttpRefused(400, BAD_REQUEST, "No GraphQL query found in the request: send `query`, a string.")
    if name is not None and not isinstance(name, str):
        raise HttpRefused(400, BAD_REQUEST, "operationName must be a string.")
    variables, extensions = values.get("variables"), values.get("extensions")
    if variables is not None and not isinstance(variables, dict):
        raise HttpRefused(400, BAD_REQUEST, "variables must be an object.")
    if extensions is not None and not isinstance(extensions, dict):
        raise HttpRefused(400, BAD_REQUEST, "extensions must be an object.")
    return OperationParameters(query, variables, name, extensions, document)


def _json(text: str | bytes, what: str) -> object:
    try:
        return read_json(text, orjson.loads, however_deep=True)
    except NotJson as malformed:
        raise HttpRefused(400, BAD_REQUEST, f"{what} is malformed: {malformed}.") from None
