"""The texts of messages: one file per language and template, the first line the title, the rest the body.

Loaded once, and checked then: a placeholder that nobody fills is a fault at start, not in a client's inbox. A
template that a language lacks is taken in English.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from domain.message import Language, MessageTemplate
from domain.money import Currency, minor_digits, round_money

DIRECTORY = Path(__file__).with_name("templates")
PLACEHOLDERS = frozenset({"client_name", "account_no", "case_no", "amount", "as_of", "deadline", "text"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class BadTemplate(ValueError):
    """A template file is missing in English, or has a placeholder that is never filled."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message tells of a case. Money is in `currency`; times are told in `zone`."""

    client_name: str
    account_no: str
    case_no: str
    amount: Decimal
    currency: Currency
    as_of: datetime
    deadline: datetime
    zone: ZoneInfo
    text: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A message as the client reads it; `language` is the one that it is really in."""

    title: str
    body: str
    language: Language


class Templates:
    """Every template in every language."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._texts = {
            (language, template): text
            for language in Language
            for template in MessageTemplate
            if (text := _read(directory / language / f"{template.lower()}.txt")) is not None
        }
        missing = [name for name in MessageTemplate if (Language.ENGLISH, name) not in self._texts]
        if missing:
            raise BadTemplate(f"no English template for {', '.join(missing)}")

    def render(self, template: MessageTemplate, language: Language, facts: Facts) -> Text:
        """The text for a client."""
        if (language, template) not in self._texts:
            language = Language.ENGLISH
        title, body = self._texts[language, template]
        values = _values(facts, language)
        # Only the template is scanned for placeholders: what stands in a name or a text is never one.
        return Text(title.substitute(values), body.substitute(values), language)


def money(amount: Decimal, currency: Currency) -> str:
    """``HKD 152,800.00``: the code, because a sign means several currencies."""
    return f"{currency} {round_money(amount, currency):,.{minor_digits(currency)}f}"


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """A time as the market's clock shows it, with the name of the clock."""
    local = at.astimezone(zone)
    clock = f"{local:%H:%M} {local.tzname()}"
    if language is Language.ENGLISH:
        return f"{clock} on {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{local.year}年{local.month}月{local.day}日 {clock}"


def _values(facts: Facts, language: Language) -> Mapping[str, str]:
    return {
        "client_name": facts.client_name,
        "account_no": facts.account_no,
        "case_no": facts.case_no,
        "amount": money(facts.amount, facts.currency),
        "as_of": moment(facts.as_of, facts.zone, language),
        "deadline": moment(facts.deadline, facts.zone, language),
        "text": facts.text,
    }


def _read(path: Path) -> tuple[Template, Template] | None:
    if not path.is_file():
        return None
    title, _, body = path.read_text(encoding="utf-8").partition("\n")
    parts = Template(title.strip()), Template(body.strip())
    for part in parts:
        unknown = set(part.get_identifiers()) - PLACEHOLDERS
        if not part.template or not part.is_valid() or unknown:
            raise BadTemplate(f"{path.name} ({path.parent.name}): {sorted(unknown) or 'malformed or empty'}")
    return parts
