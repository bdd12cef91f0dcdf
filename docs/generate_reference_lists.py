"""Makes the reference lists of `domain` anew: `make lists`, after newer packages were locked and installed.

The domain imports the standard library only, so the lists are copied from the packages whose maintainers keep
them: currencies from `iso4217` (the table of the ISO 4217 Maintenance Agency), markets from
`exchange_calendars`. A guard compares the copies with the installed packages.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

from exchange_calendars.calendar_utils import get_calendar_names

DOMAIN = Path(__file__).parents[1] / "domain"
NOT_MONEY = frozenset({"XAD", "UYW"})
"""Units of account with a minor unit. Others, metals and test codes have none, and funds are marked."""
WIDTH = 100


def currencies_module() -> str:
    """The text of domain/iso4217.py."""
    table = ElementTree.fromstring((resources.files("iso4217") / "table.xml").read_text())
    digits = dict(_money(table))
    lines = [
        '"""Currencies of ISO 4217 by the digits of their minor unit, of'
        f' {table.attrib["Pblshd"]}; made by `make lists`."""',
        "",
        "CODES_BY_DIGITS = {",
    ]
    for minor in sorted(set(digits.values())):
        codes = sorted(code for code, its_digits in digits.items() if its_digits == minor)
        lines += [f'    {minor}: """', *_wrapped(codes), '    """.split(),']
    return "\n".join([*lines, "}", ""])


def _money(table: ElementTree.Element) -> Iterator[tuple[str, int]]:
    for entry in table.iter("CcyNtry"):
        code, minor, name = (entry.find(tag) for tag in ("Ccy", "CcyMnrUnts", "CcyNm"))
        if code is None or minor is None or name is None or "IsFund" in name.attrib:
            continue
        if (minor.text or "").isdecimal() and code.text not in NOT_MONEY:
            yield code.text or "", int(minor.text or "")


def markets_module() -> str:
    """The text of domain/market_names.py."""
    names = sorted(get_calendar_names(include_aliases=True))
    lines = [
        '"""Every market that has a calendar, by the names of exchange_calendars; made by `make lists`."""',
        "",
        "MARKETS = frozenset(",
        '    """',
        *_wrapped(names),
        '""".split()',
        ")",
    ]
    return "\n".join([*lines, ""])


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    line = "   "
    for word in words:
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = "   "
        line = f"{line} {word}"
    yield line


def modules() -> Mapping[Path, str]:
    """Where each list is kept, and its text."""
    return {DOMAIN / "iso4217.py": currencies_module(), DOMAIN / "market_names.py": markets_module()}


if __name__ == "__main__":
    for path, text in modules().items():
        path.write_text(text)
