"""The JSON that carries one feed message; the format is documented, with examples, in docs/feeds.md.

`decode(encode(message)) == message` for every message. A message that is not exactly as documented raises
`BadMessage` with every reason; an unknown version fails loudly instead of being half understood. The formats
are strict on purpose: to add a field, teach the readers a new version first.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.market import FxRate, Quote, TradeStatus
from domain.message import QuietHours
from feeds.base import FeedMessage
from feeds.fields import (
    CONTACT,
    Field,
    Spec,
    code,
    currency,
    decimal,
    member_of,
    not_negative,
    optional,
    quoted_price,
    rate,
    read_record,
    utc_time,
)

VERSION = 1
MAX_MESSAGE_BYTES = 16_384


class BadMessage(ValueError):
    """Not a message of this format; the text says why."""


@dataclass(frozen=True, slots=True)
class _Format:
    """One message type. A JSON field is the attribute's name in camelCase; one of them says when."""

    kind: type[FeedMessage]
    spec: Spec
    time_field: str


def encode(message: FeedMessage) -> bytes:
    """The message as JSON; absent optional values are left out."""
    name = _NAMES[type(message)]
    values = {field: getattr(message, _attribute(field)) for field in _FORMATS[name].spec}
    present = {field: _text(value) for field, value in values.items() if value is not None}
    return orjson.dumps({"v": VERSION, "type": name} | present)


def decode(raw: bytes, latest: datetime | None = None, max_bytes: int = MAX_MESSAGE_BYTES) -> FeedMessage:
    """The message; raises `BadMessage`.

    A message about a time after `latest` is bad: it would hide all that comes after it, and a quote from the
    future never grows stale.
    """
    body = _json_object(raw, max_bytes)
    known = _format(body.pop("v", None), body.pop("type", None))
    problems: list[str] = []
    record = read_record(body, known.spec, "$", problems)
    if record is None:
        raise BadMessage("; ".join(problems))
    if latest is not None and record[known.time_field] > latest:
        raise BadMessage(f"$.{known.time_field}: must not be in the future")
    try:
        message = known.kind(**{_attribute(field): value for field, value in record.items()})
    except ValueError as error:
        raise BadMessage(f"$: {error}") from None
    if isinstance(message, FxRate) and message.base_currency == message.quote_currency:
        raise BadMessage("$.quoteCurrency: must differ from baseCurrency")
    return message


def _json_object(raw: bytes, max_bytes: int) -> dict[str, object]:
    if len(raw) > max_bytes:
        raise BadMessage(f"{len(raw)} bytes, more than {max_bytes}")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadMessage(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadMessage("$: must be an object")
    return body


def _format(version: object, name: object) -> _Format:
    if version is True or version != VERSION:
        raise BadMessage(f"$.v: must be {VERSION}, the only known version")
    if not isinstance(name, str) or name not in _FORMATS:
        raise BadMessage(f"$.type: must be one of {', '.join(_FORMATS)}")
    return _FORMATS[name]


def _attribute(field: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", field)


def _text(value: Decimal | datetime | str | QuietHours) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


_QUOTE = {
    "symbol": Field(code),
    "at": Field(utc_time),
    "bid": optional(quoted_price),
    "ask": optional(quoted_price),
    "last": optional(quoted_price),
    "previousClose": optional(quoted_price),
    "bidSize": optional(not_negative),
    "askSize": optional(not_negative),
}
_FX = {
    "baseCurrency": Field(currency),
    "quoteCurrency": Field(currency),
    "rate": Field(rate),
    "at": Field(utc_time),
}
_POSITION = {
    "accountNo": Field(code),
    "symbol": Field(code),
    "quantity": Field(decimal),
    "averageCost": optional(not_negative),
    "asOf": Field(utc_time),
}
_CASH = {
    "accountNo": Field(code),
    "currency": Field(currency),
    "balance": Field(decimal),
    "accruedInterest": optional(not_negative),
    "asOf": Field(utc_time),
}
_TRADE_STATUS = {"symbol": Field(code), "status": Field(member_of(TradeStatus)), "at": Field(utc_time)}
_CONTACT = {"clientNo": Field(code), "asOf": Field(utc_time), **CONTACT}

_FORMATS = {
    "quote": _Format(Quote, _QUOTE, "at"),
    "fx": _Format(FxRate, _FX, "at"),
    "position": _Format(PositionStated, _POSITION, "asOf"),
    "cash": _Format(CashStated, _CASH, "asOf"),
    "tradeStatus": _Format(TradeStatusStated, _TRADE_STATUS, "at"),
    "contact": _Format(ContactStated, _CONTACT, "asOf"),
}
_NAMES: dict[type[FeedMessage], str] = {known.kind: name for name, known in _FORMATS.items()}
