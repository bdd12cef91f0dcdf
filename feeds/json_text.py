"""Parse incoming JSON strictly."""

import orjson

from domain.json_fields import read_json


def parse_json(data: bytes) -> object:
    """The value; raises `NotJson`."""
    return read_json(data, orjson.loads)
