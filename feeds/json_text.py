"""Parse incoming JSON strictly."""

import orjson

from domain.json_fields import NotJson, refuse_repeated_fields


def parse_json(data: bytes) -> object:
    """The value; raises `NotJson`."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error}") from None
    refuse_repeated_fields(data)
    return value
