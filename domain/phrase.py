"""The records that the desk writes itself, as data: a code and typed parameters.

`domain.phrase_texts` renders a phrase in the language of its reader. The code and the parameters are what is
stored, so a record can be counted, filtered and shown in any language later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias, Union

from domain.money import plain_text

_CODE, _PARAMETERS, _DECIMAL, _TIME = "code", "parameters", "decimal", "time"


class FollowUpCode(StrEnum):
    """The subject of a follow-up record that the desk wrote."""

    ORDER_NEEDS_ATTENTION = "ORDER_NEEDS_ATTENTION"
    ACCOUNT_NEEDS_ATTENTION = "ACCOUNT_NEEDS_ATTENTION"
    AUTO_LIQUIDATION_PLACED = "AUTO_LIQUIDATION_PLACED"
    AUTO_LIQUIDATION_WAITS = "AUTO_LIQUIDATION_WAITS"
    AUTO_LIQUIDATION_OFF = "AUTO_LIQUIDATION_OFF"
    AUTO_LIQUIDATION_KEPT_AFTER_CURE = "AUTO_LIQUIDATION_KEPT_AFTER_CURE"
    AUTO_LIQUIDATION_KEPT_AFTER_EXCESS = "AUTO_LIQUIDATION_KEPT_AFTER_EXCESS"
    AUTO_LIQUIDATION_KEPT_AFTER_COLLAR = "AUTO_LIQUIDATION_KEPT_AFTER_COLLAR"
    DEADLINE_MOVED = "DEADLINE_MOVED"
    CASH_ROSE = "CASH_ROSE"


class DetailCode(StrEnum):
    """A part of a follow-up record: a finding, a reason, or a sentence that is added to it."""

    # Why a case's amount changed, or not.
    AMOUNT_UNKNOWN = "AMOUNT_UNKNOWN"
    AMOUNT_IS = "AMOUNT_IS"
    AMOUNT_STAYS = "AMOUNT_STAYS"
    AMOUNT_FELL = "AMOUNT_FELL"

    # What remains after an automatic liquidation has placed orders.
    REMAINS_TO_COLLECT = "REMAINS_TO_COLLECT"
    STOCK_BROUGHT_BACK = "STOCK_BROUGHT_BACK"
    STOCK_NOT_BROUGHT_BACK = "STOCK_NOT_BROUGHT_BACK"
    SHORTFALL_RETURNED = "SHORTFALL_RETURNED"
    NEXT_SLICE_FOLLOWS = "NEXT_SLICE_FOLLOWS"

    # Why an automatic liquidation waits or is off.
    IN_DOUBT = "IN_DOUBT"
    STALE_PRICE = "STALE_PRICE"
    COLLAR_WAITS = "COLLAR_WAITS"
    RESTING_ORDERS = "RESTING_ORDERS"
    SLICE_OPEN = "SLICE_OPEN"
    SLICE_CANCELLED = "SLICE_CANCELLED"
    SLICE_CANCEL_REQUESTED = "SLICE_CANCEL_REQUESTED"
    INTERNAL_FAULT = "INTERNAL_FAULT"
    SETTING_DAMAGED = "SETTING_DAMAGED"
    SHORTFALL_CURED = "SHORTFALL_CURED"
    MARKET_CLOSED = "MARKET_CLOSED"
    CLOSED_UNTIL = "CLOSED_UNTIL"
    UNKNOWN_MARKETS = "UNKNOWN_MARKETS"
    SECOND_PERSON = "SECOND_PERSON"
    KILL_SWITCH_ON = "KILL_SWITCH_ON"
    KILL_SWITCH_WAS_ON = "KILL_SWITCH_WAS_ON"
    CASE_IN_EXCEPTION = "CASE_IN_EXCEPTION"
    SWITCH_OFF = "SWITCH_OFF"
    NOTHING_TO_COLLECT = "NOTHING_TO_COLLECT"
    FAR_FROM_MARK = "FAR_FROM_MARK"
    CANNOT_CURE = "CANNOT_CURE"
    NOTHING_SELLABLE = "NOTHING_SELLABLE"
    POSITIONS_LEFT = "POSITIONS_LEFT"
    OTHER_REFUSAL = "OTHER_REFUSAL"

    # Why a second person must approve a liquidation.
    NOTHING_LEFT = "NOTHING_LEFT"
    PRICED_OUTSIDE_COLLAR = "PRICED_OUTSIDE_COLLAR"
    MANY_CASES = "MANY_CASES"
    TRADED_UNKNOWN = "TRADED_UNKNOWN"
    NOTIONAL_UNKNOWN = "NOTIONAL_UNKNOWN"
    NOTIONAL_ABOVE = "NOTIONAL_ABOVE"
    ALONE_UNKNOWN = "ALONE_UNKNOWN"
    ALONE_ABOVE = "ALONE_ABOVE"

    # What is wrong with an execution report.
    EXECUTION_ID = "EXECUTION_ID"
    TIME_WITHOUT_OFFSET = "TIME_WITHOUT_OFFSET"
    TRADE_CANCELLED = "TRADE_CANCELLED"
    UNNAMED_TRADE_CANCELLED = "UNNAMED_TRADE_CANCELLED"
    OTHER_ACCOUNT = "OTHER_ACCOUNT"
    OTHER_INSTRUMENT = "OTHER_INSTRUMENT"
    OTHER_SIDE = "OTHER_SIDE"
    NUMBER_NOT_STORABLE = "NUMBER_NOT_STORABLE"
    QUANTITY_NOT_POSITIVE = "QUANTITY_NOT_POSITIVE"
    PRICE_NOT_POSITIVE = "PRICE_NOT_POSITIVE"
    VALUE_TOO_LARGE = "VALUE_TOO_LARGE"
    ODD_LOT = "ODD_LOT"
    TIME_OUTSIDE = "TIME_OUTSIDE"
    PRICE_FAR_FROM_MARK = "PRICE_FAR_FROM_MARK"
    PRICE_WORSE_THAN_LIMIT = "PRICE_WORSE_THAN_LIMIT"
    REPEATED_EXECUTION = "REPEATED_EXECUTION"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"

    # What is wrong with an order or a position.
    LATE_FILL = "LATE_FILL"
    OVERFILL = "OVERFILL"
    FILL_TURNS_POSITION = "FILL_TURNS_POSITION"
    FILLS_TURN_STATEMENT = "FILLS_TURN_STATEMENT"
    EXCESS_CANCELLED = "EXCESS_CANCELLED"
    EXCESS_CANCEL_REQUESTED = "EXCESS_CANCEL_REQUESTED"
    EXCESS_UNCONFIRMED = "EXCESS_UNCONFIRMED"
    EXCESS_CANCEL_REFUSED = "EXCESS_CANCEL_REFUSED"
    NOT_SENT = "NOT_SENT"
    DAY_ENDED = "DAY_ENDED"
    NEVER_RECEIVED = "NEVER_RECEIVED"

    # Why a report or a step is not possible in the status of an order.
    ORDER_NEVER_SENT = "ORDER_NEVER_SENT"
    ORDER_WAITS_FOR_APPROVAL = "ORDER_WAITS_FOR_APPROVAL"
    ORDER_NEEDS_NO_APPROVAL = "ORDER_NEEDS_NO_APPROVAL"
    ORDER_NOT_SENT_YET = "ORDER_NOT_SENT_YET"
    ORDER_SENT = "ORDER_SENT"
    ORDER_WITH_VENUE = "ORDER_WITH_VENUE"
    ORDER_ANSWERED = "ORDER_ANSWERED"
    ORDER_ACKNOWLEDGED = "ORDER_ACKNOWLEDGED"
    ORDER_TRADED = "ORDER_TRADED"
    ORDER_FILLED = "ORDER_FILLED"
    ORDER_ENDED = "ORDER_ENDED"


Code: TypeAlias = FollowUpCode | DetailCode
Parameter: TypeAlias = Union[str, int, Decimal, datetime, "Phrase", tuple[str, ...], tuple["Phrase", ...]]
"""A tuple of texts is a list; a tuple of phrases is sentences that follow each other, and may be empty."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A code with the values of its placeholders, by name."""

    code: Code
    parameters: Mapping[str, Parameter]


def phrase(code: Code, /, **parameters: Parameter) -> Phrase:
    """A phrase; a test compares the names of all calls with the placeholders of the code's texts."""
    return Phrase(code, parameters)


def plain_parameters(phrase: Phrase) -> dict[str, Any]:
    """The parameters as plain data for JSON: a number as ``{"decimal": "1.5"}``, a time as
    ``{"time": "2020-03-16T02:05:00+00:00"}``, a phrase as its code and parameters.
    """
    return {name: _plain(value) for name, value in phrase.parameters.items()}


def phrase_from_plain(code: str, parameters: object) -> Phrase:
    """The inverse of `plain_parameters`; ValueError, LookupError or TypeError for data of no known phrase."""
    if not isinstance(parameters, dict):
        raise TypeError("the parameters of a phrase are an object")
    return Phrase(_code(code), {name: _value(value) for name, value in parameters.items()})


def _plain(value: Parameter) -> Any:
    match value:
        case Phrase():
            return {_CODE: value.code.value, _PARAMETERS: plain_parameters(value)}
        case Decimal():
            return {_DECIMAL: plain_text(value)}
        case datetime():
            return {_TIME: value.isoformat()}
        case tuple():
            return [_plain(each) for each in value]
        case str():
            return str(value)
        case int():
            return value


def _value(value: Any) -> Any:
    match value:
        case str() | int():
            return value
        case list():
            return tuple(_value(each) for each in value)
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"time": str(text)}:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                raise ValueError("a time without a UTC offset")
            return at
        case {"code": str(code), "parameters": parameters}:
            return phrase_from_plain(code, parameters)
    raise TypeError(f"no parameter of a phrase: {value!r}"[:80])


def _code(text: str) -> Code:
    return FollowUpCode(text) if text in FollowUpCode.__members__ else DetailCode(text)
