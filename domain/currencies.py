"""Which currencies there are, and how many digits their minor units have.

ISO 4217 says it (`domain/iso4217.py`, copied from the package that follows its maintenance agency). Beside it
stand the codes below, each with its reason. Settings, feed messages and book files all ask here.
"""

from collections.abc import Iterable, Mapping

from domain.iso4217 import CODES_BY_DIGITS
from domain.near_names import with_hint

BESIDE_ISO_4217: Mapping[str, int] = {"CNH": 2, "ANG": 2, "BGN": 2}
"""Codes that are not in the list, with the digits of their minor unit.

CNH is the yuan traded outside of mainland China, which Hong Kong books apart from CNY. ANG and BGN were
withdrawn in 2025 and 2026: a balance that is left must be stated until it is 0.
"""

MINOR_DIGITS: Mapping[str, int] = {
    **{code: digits for digits, codes in CODES_BY_DIGITS.items() for code in codes},
    **BESIDE_ISO_4217,
}
"""By currency: 2, but 0 for the yen and 3 for the Kuwaiti dinar."""
CURRENCIES = frozenset(MINOR_DIGITS)
"""The money of ISO 4217 (neither metals, funds nor units of account), and what is booked beside it."""


def unknown_currencies(codes: Iterable[str]) -> list[str]:
    """Those that are none, each with the nearest that is one: ``HDK (did you mean HKD?)``."""
    return [with_hint(code, CURRENCIES) for code in codes if code not in CURRENCIES]
