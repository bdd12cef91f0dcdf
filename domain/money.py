"""Exact decimal arithmetic and the only rounding rules of the desk.

Every product and sum of the margin formulas runs inside `exact()`: 200 digits, and a result that would have
to be rounded raises instead. Figures updated tick by tick therefore equal figures computed from the whole
book, to the last digit. Rounding happens only in the functions below, each under its own name.
"""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import (
    ROUND_CEILING,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import NewType, overload

from domain.currencies import MINOR_DIGITS

Currency = NewType("Currency", str)
"""ISO 4217 code, upper case."""

ZERO = Decimal(0)
ONE = Decimal(1)

MAX_INTEGER_DIGITS = 20
MAX_FRACTION_DIGITS = 10
"""The digits of a stored amount, price or quantity: NUMERIC(30, 10)."""
MAX_STORED = Decimal("9" * MAX_INTEGER_DIGITS + "." + "9" * MAX_FRACTION_DIGITS)
_MIN_STORED = MAX_STORED.copy_negate()
"""Unary minus would round it to the 28 digits of the usual context."""

_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_ROUNDING = Context(prec=120, traps=[InvalidOperation, DivisionByZero, Overflow])
_RATIO_STEP = Decimal("0.0001")
_PRICE_STEP = Decimal("0.00000001")
_RATE_STEP = Decimal("0.0000000001")
_STEPS = {digits: Decimal(1).scaleb(-digits) for digits in range(4)}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class InvalidDecimal(ValueError):
    """A text or number that is not an amount: not finite, malformed, or with more digits than can be
    stored.
    """


class AmountTooLarge(ValueError):
    """An amount has more digits before the point than can be stored."""


def storable(value: Decimal) -> Decimal:
    """The value if its size can be stored; raises `AmountTooLarge` otherwise."""
    if _MIN_STORED <= value <= MAX_STORED:
        return value
    raise AmountTooLarge(f"the amount {value:.3e} has more than {MAX_INTEGER_DIGITS} digits before the point")


def exact() -> AbstractContextManager[Context]:
    """Arithmetic that never rounds: an inexact result raises `decimal.Inexact`."""
    return localcontext(_EXACT)


def parse_decimal(text: str) -> Decimal:
    """A finite decimal of at most 20 integer and 10 fraction digits; raises `InvalidDecimal` otherwise.

    Spaces, underscores and digits of other scripts, which `Decimal` accepts, are refused.
    """
    if not _NUMBER.fullmatch(text):
        raise InvalidDecimal(f"not a decimal number: {text!r}"[:80])
    try:
        return unsigned_zero(checked(Decimal(text)))
    except InvalidOperation:
        raise InvalidDecimal("too many digits") from None


def checked(value: Decimal) -> Decimal:
    """The value if it is finite and can be stored exactly; raises `InvalidDecimal` otherwise."""
    if not value.is_finite():
        raise InvalidDecimal("not a finite number")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or value.adjusted() >= MAX_INTEGER_DIGITS or exponent < -30:
        raise InvalidDecimal("too many digits")
    if exponent < -MAX_FRACTION_DIGITS and value != value.quantize(Decimal(1).scaleb(-MAX_FRACTION_DIGITS)):
        raise InvalidDecimal(f"more than {MAX_FRACTION_DIGITS} digits after the point")
    return value


def minor_digits(currency: Currency) -> int:
    """The digits of the currency's minor unit (ISO 4217): 2 for most, 0 for the yen.

    2 for a code that is refused today but may be in old rows.
    """
    return MINOR_DIGITS.get(currency, 2)


def unsigned_zero(value: Decimal) -> Decimal:
    """The value; -0, a possible result of a rounding or a product, becomes 0."""
    return value if value else value.copy_abs()


@overload
def plain_text(value: Decimal) -> str: ...
@overload
def plain_text(value: None) -> None: ...
@overload
def plain_text(value: Decimal | None) -> str | None: ...
def plain_text(value: Decimal | None) -> str | None:
    """All digits of the value, without an exponent and trailing zeros; equal values have equal text.

    `Decimal.normalize` and `str.format` with a precision round to the digits of the context, which are fewer
    than an amount may have.
    """
    if value is None:
        return None
    if not value:
        return "0"
    # As format(value, "f"), for a sixth of the time, unless it has an exponent.
    text = Decimal.__str__(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_money(amount: Decimal, currency: Currency) -> Decimal:
    """HALF_UP to the currency's minor unit: for booking, for the amount to collect and for display."""
    step = _STEPS[minor_digits(currency)]
    return unsigned_zero(amount.quantize(step, rounding=ROUND_HALF_UP, context=_ROUNDING))


def round_ratio(ratio: Decimal) -> Decimal:
    """HALF_EVEN to four digits."""
    return unsigned_zero(ratio.quantize(_RATIO_STEP, rounding=ROUND_HALF_EVEN, context=_ROUNDING))


def divide_ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """The quotient, to four digits HALF_EVEN. The denominator is not zero."""
    return round_ratio(_ROUNDING.divide(numerator, denominator))


def divide_rate(rate: Decimal, divisor: Decimal) -> Decimal:
    """rate / divisor to ten digits HALF_EVEN, at least the smallest that can be stored; divisor > 0."""
    quotient = _ROUNDING.divide(rate, divisor)
    return max(_RATE_STEP, quotient.quantize(_RATE_STEP, rounding=ROUND_HALF_EVEN, context=_ROUNDING))


def average_price(notional: Decimal, quantity: Decimal) -> Decimal:
    """notional / quantity to eight digits HALF_EVEN. The quantity is not zero."""
    average = _ROUNDING.divide(notional, quantity)
    return unsigned_zero(average.quantize(_PRICE_STEP, rounding=ROUND_HALF_EVEN, context=_ROUNDING))


def middle_price(low: Decimal, high: Decimal) -> Decimal:
    """The middle of two prices, HALF_EVEN to ten digits, as many as are stored."""
    middle = _ROUNDING.divide(_ROUNDING.add(low, high), Decimal(2))
    return middle.quantize(_RATE_STEP, rounding=ROUND_HALF_EVEN, context=_ROUNDING)


def shown_digits(value: Decimal) -> int:
    """The digits after the point that the value needs: 2 for both 1.50 and 1.5000, 0 for 100."""
    exponent = value.normalize(_ROUNDING).as_tuple().exponent
    assert isinstance(exponent, int), "a finite number"
    return max(0, -exponent)


def step_below(price: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` (> 0) that is not above the price; never -0."""
    return _ROUNDING.add(ZERO, _ROUNDING.multiply(_floor_of(price, step), step))


def step_above(price: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` (> 0) that is not below the price; never -0."""
    return _ROUNDING.subtract(ZERO, _ROUNDING.multiply(_floor_of(price.copy_negate(), step), step))


def is_whole_multiple(amount: Decimal, step: Decimal) -> bool:
    """Whether the amount is a multiple of `step` (> 0)."""
    return not _ROUNDING.remainder(amount, step)


def _floor_of(value: Decimal, step: Decimal) -> Decimal:
    whole, rest = _ROUNDING.divmod(value, step)
    return whole - 1 if rest < 0 else whole


def lots_needed(amount: Decimal, per_lot: Decimal) -> int:
    """The least whole number of lots whose `per_lot` reaches `amount`; `per_lot` > 0."""
    whole, rest = _ROUNDING.divmod(amount, per_lot)
    return max(0, int(whole) + (1 if rest > 0 else 0))


def lots_within(amount: Decimal, per_lot: Decimal) -> int:
    """How many whole lots of `per_lot` > 0 fit into `amount`; 0 if it is negative."""
    return max(0, int(_ROUNDING.divide_int(amount, per_lot)))


def rank_ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """The quotient to 120 digits, for comparing and estimating only. The denominator is not zero."""
    return _ROUNDING.divide(numerator, denominator)


def quotient_up(numerator: Decimal, denominator: Decimal) -> Decimal:
    """numerator / denominator (> 0), rounded up to ten digits: for comparing with a limit."""
    quotient = _ROUNDING.divide(numerator, denominator)
    return quotient.quantize(_RATE_STEP, rounding=ROUND_CEILING, context=_ROUNDING)


def whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """The largest multiple of `lot` that is not above `quantity` (>= 0)."""
    return _ROUNDING.multiply(_ROUNDING.divide_int(quantity, lot), lot)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    with exact():
        return sum(amounts, ZERO)
