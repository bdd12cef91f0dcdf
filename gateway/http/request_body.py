"""The requirements on the body of a request: JSON with its content type, not compressed, and unambiguous."""

from collections.abc import Mapping

import orjson

from domain import json_fields
from domain.json_fields import NotJson

JSON_TYPE = "application/json"


class BodyRefused(ValueError):
    """The body does not meet the requirements; the message says what to send."""


def require_json(headers: Mapping[str, str]) -> None:
    """Check the headers alone; raises `BodyRefused`.

    Browsers ask for permission before they send this content type to another origin, and do not get it.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise BodyRefused(f"The body must be JSON: send Content-Type: {JSON_TYPE}.")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BodyRefused("The body must not be encoded: send it without Content-Encoding.")


def read_json(data: str | bytes) -> object:
    """The value; raises `BodyRefused`."""
    try:
        return json_fields.read_json(data, orjson.loads, however_deep=True)
    except NotJson as malformed:
        raise BodyRefused(f"The request body is malformed: {malformed}.") from None
