"""The JSON of one feed message; docs/feeds.md documents the format with examples.

`decode(encode(message)) == message` for every message. A message that is not exactly as documented raises
`BadMessage` with every reason; an unknown version is refused instead of being partly understood. The formats
are strict on purpose: to add a field, teach the readers a new version first.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from unicodedata import normalize

import orjson

from domain.book_changes import CashStated, ContactStated, PositionStated, TradeStatusStated
from domain.inputs import DeadReason, InputKind, InputSubject
from domain.json_fields import NotJson
from domain.market import FxRate, Quote, TradeStatus
from domain.message import QuietHours
from domain.text import MAX_CODE_LENGTH
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
from feeds.json_text import parse_json

VERSION = 1
_CODE = re.compile(rf"[\w.:/-]{{1,{MAX_CODE_LENGTH}}}", re.ASCII)
_ACCOUNT = re.compile(rb'"accountNo"\s*:\s*"([A-Za-z0-9][A-Za-z0-9._:/-]{0,39})"')
"""In a text that may be damaged: cut off, in another encoding, with trailing data."""
_SEARCHED_BYTES_MAX = 1_048_576
"""How many bytes of an unusable message are searched for its subject."""
MAX_MESSAGE_BYTES = 16_384


class BadMessage(ValueError):
    """Not a message of this format; the message says why, `dead` in one word."""

    def __init__(self, reason: str, dead: DeadReason = DeadReason.MALFORMED) -> None:
        super().__init__(reason)
        self.dead = dead


@dataclass(frozen=True, slots=True)
class _Format:
    """One message type. A JSON field is the attribute's name in camelCase; `time_field` is its time."""

    kind: type[FeedMessage]
    spec: Spec
    time_field: str


def encode(message: FeedMessage) -> bytes:
    """The message as JSON; absent optional values are omitted."""
    name = _NAMES[type(message)]
    values = {field: getattr(message, _attribute(field)) for field in _FORMATS[name].spec}
    present = {field: _text(value) for field, value in values.items() if value is not None}
    return orjson.dumps({"v": VERSION, "type": name} | present)


def decode(raw: bytes, latest: datetime | None = None, max_bytes: int = MAX_MESSAGE_BYTES) -> FeedMessage:
    """The message; raises `BadMessage`.

    A message with a time after `latest` is refused, since it cannot be held for so long.
    """
    body = _json_object(raw, max_bytes)
    known = _format(body.pop("v", None), body.pop("type", None))
    problems: list[str] = []
    record = read_record(body, known.spec, "$", problems)
    if record is None:
        raise BadMessage("; ".join(problems))
    if latest is not None and record[known.time_field] > latest:
        raise BadMessage(
            f"$.{known.time_field}: must not be in the future beyond {_text(latest)}", DeadReason.AHEAD
        )
    try:
        message = known.kind(**{_attribute(field): value for field, value in record.items()})
    except ValueError as error:
        raise BadMessage(f"$: {error}") from None
    if isinstance(message, FxRate) and message.base_currency == message.quote_currency:
        raise BadMessage("$.quoteCurrency: must differ from baseCurrency")
    return message


def subject_in(raw: bytes, source: str) -> tuple[InputSubject, datetime | None]:
    """The subject and time of a message, as far as they can be read although the message cannot be used.

    If not even its type can be read, the subject is its `source`, with the first account that it names.
    """
    raw = raw[:_SEARCHED_BYTES_MAX]
    try:
        body = _json_object(raw, _SEARCHED_BYTES_MAX)
        kind = InputKind(str(body.get("type")))
        known = _FORMATS[kind]
    except (BadMessage, ValueError, KeyError):
        account_no = _ACCOUNT.search(raw)
        owner = account_no[1].decode() if account_no else ""
        return InputSubject(InputKind.UNREADABLE, owner, source[:MAX_CODE_LENGTH]), None
    owners, abouts = _SUBJECTS[kind]
    subject = InputSubject(
        kind,
        "/".join(_meant(body.get(field), known.spec[field]) for field in owners),
        "/".join(_meant(body.get(field), known.spec[field]) for field in abouts),
    )
    return subject, _time_in(body.get(known.time_field))


def _meant(value: object, field: Field) -> str:
    """The value, or its obvious meaning: without blanks around it, in usual width, a currency in capitals.

    Empty if the meaning is not obvious.
    """
    plain = normalize("NFKC", value).strip() if isinstance(value, str) else ""
    for candidate in (value, plain, plain.upper() if field.read is currency else plain):
        with suppress(ValueError):
            return str(field.read(candidate))
    return plain if _CODE.fullmatch(plain) else ""


def _time_in(value: object) -> datetime | None:
    try:
        return utc_time(value)
    except ValueError:
        return None


def _json_object(raw: bytes, max_bytes: int) -> dict[str, object]:
    if len(raw) > max_bytes:
        raise BadMessage(f"{len(raw)} bytes, more than {max_bytes}", DeadReason.TOO_LARGE)
    try:
        body = parse_json(raw)
    except NotJson as error:
        raise BadMessage(str(error)) from None
    if not isinstance(body, dict):
        raise BadMessage("$: must be an object")
    return body


def _format(version: object, name: object) -> _Format:
    if version is True or version != VERSION:
        raise BadMessage(f"$.v: must be {VERSION}, the only supported version")
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
    "averageCost": optional(decimal),
    "asOf": Field(utc_time),
}
_CASH = {
    "accountNo": Field(code),
    "currency": Field(currency),
    "balance": Field(decimal),
    "accruedInterest": optional(not_negative),
    "asOf": Field(utc_time),
}
_TRADE_STATUS = {
    "symbol": Field(code),
    "status": Field(member_of(TradeStatus)),
    "at": Field(utc_time),
    "since": optional(utc_time),
}
_CONTACT = {"clientNo": Field(code), "asOf": Field(utc_time), **CONTACT}

_FORMATS = {
    "quote": _Format(Quote, _QUOTE, "at"),
    "fx": _Format(FxRate, _FX, "at"),
    "position": _Format(PositionStated, _POSITION, "asOf"),
    "cash": _Format(CashStated, _CASH, "asOf"),
    "tradeStatus": _Format(TradeStatusStated, _TRADE_STATUS, "at"),
    "contact": _Format(ContactStated, _CONTACT, "asOf"),
}
_SUBJECTS = {
    InputKind.QUOTE: ((), ("symbol",)),
    InputKind.FX: ((), ("baseCurrency", "quoteCurrency")),
    InputKind.POSITION: (("accountNo",), ("symbol",)),
    InputKind.CASH: (("accountNo",), ("currency",)),
    InputKind.TRADE_STATUS: ((), ("symbol",)),
    InputKind.CONTACT: (("clientNo",), ()),
}
"""The fields that name the owner and subject of a message."""
_NAMES: dict[type[FeedMessage], str] = {known.kind: name for name, known in _FORMATS.items()}
