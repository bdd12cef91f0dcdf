"""Known currencies, and the number of digits of their minor units.

The source is ISO 4217 (`domain/iso4217.py`, copied from the package that follows its maintenance agency),
plus the codes below, each with its reason. Settings, feed messages and book files are all checked against
them.
"""

from collections.abc import Iterable, Mapping

from domain.iso4217 import CODES_BY_DIGITS
from domain.near_names import with_hint

BESIDE_ISO_4217: Mapping[str, int] = {"CNH": 2, "ANG": 2, "BGN": 2}
"""Codes outside the list, with the digits of their minor unit.

CNH is the yuan traded outside mainland China, which Hong Kong books separately from CNY. ANG and BGN were
withdrawn in 2025 and 2026: a remaining balance must be stated until it is 0.
"""

MINOR_DIGITS: Mapping[str, int] = {
    **{code: digits for digits, codes in CODES_BY_DIGITS.items() for code in codes},
    **BESIDE_ISO_4217,
}
"""Digits by currency: 2 for most, 0 for the yen and 3 for the Kuwaiti dinar."""
CURRENCIES = frozenset(MINOR_DIGITS)
"""The money of ISO 4217 (without metals, funds and units of account), and the codes beside it."""


def unknown_currencies(codes: Iterable[str]) -> list[str]:
    """The codes that are not currencies, each with the nearest that is: ``HDK (did you mean HKD?)``."""
    return [with_hint(code, CURRENCIES) for code in codes if code not in CURRENCIES]
