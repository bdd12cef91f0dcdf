"""The texts of messages: one file per language and letter, the first line the title, the rest the body.

`domain.letter` names the letter of a template for a kind of case. Files are loaded and checked once, at the
start: an unknown placeholder, or a file of no letter, prevents the start. A letter that is missing in a
language is sent in English.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from domain.case import AlertType
from domain.letter import StockOwed, Traded, letter_name, listed
from domain.message import Language, MessageTemplate
from domain.money import Currency, minor_digits, round_money
from domain.order import OrderSide

DIRECTORY = Path(__file__).with_name("templates")
PLACEHOLDERS = frozenset(
    {"client_name", "account_no", "case_no", "amount", "as_of", "deadline", "stock", "trades", "text"}
)
LETTERS = frozenset(letter_name(template, alert) for template in MessageTemplate for alert in AlertType)
_OWED = {
    Language.ENGLISH: "{what} by {due_at}",
    Language.SIMPLIFIED_CHINESE: "{what}\uff0c截止 {due_at}",
    Language.TRADITIONAL_CHINESE: "{what}\uff0c截止 {due_at}",
}
_TRADED = {
    Language.ENGLISH: "{verb} {what} at {price}",
    Language.SIMPLIFIED_CHINESE: "{verb} {what}\uff0c均价 {price}",
    Language.TRADITIONAL_CHINESE: "{verb} {what}\uff0c均價 {price}",
}
_VERBS = {
    Language.ENGLISH: {OrderSide.SELL: "sold", OrderSide.BUY: "bought"},
    Language.SIMPLIFIED_CHINESE: {OrderSide.SELL: "卖出", OrderSide.BUY: "买入"},
    Language.TRADITIONAL_CHINESE: {OrderSide.SELL: "賣出", OrderSide.BUY: "買入"},
}
_UNVALUED = {
    Language.ENGLISH: (
        "At the moment we have no price or exchange rate for {what}. The amount was "
        "computed without it and may change as soon as we have one."
    ),
    Language.SIMPLIFIED_CHINESE: "目前没有 {what} 的价格或汇率\uff0c"
    "金额在缺少它的情况下算出\uff0c取得后可能有变。",
    Language.TRADITIONAL_CHINESE: "目前沒有 {what} 的價格或匯率\uff0c"
    "金額在缺少它的情況下算出\uff0c取得後可能有變。",
}
"""Added to every letter that states an amount whose computation lacks a price or rate."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class BadTemplate(ValueError):
    """A template file is missing in English, or has an unknown placeholder."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The data of a case in a message. Money is in `currency`; times are shown in `zone`."""

    client_name: str
    account_no: str
    case_no: str
    amount: Decimal
    currency: Currency
    as_of: datetime
    deadline: datetime
    zone: ZoneInfo
    text: str = ""
    stock: tuple[StockOwed, ...] = ()
    trades: tuple[Traded, ...] = ()
    unvalued: tuple[str, ...] = ()
    """Symbols without a price and currencies without a rate, without which the amount was computed."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message as sent to the client; `language` is its actual language."""

    title: str
    body: str
    language: Language
    parameters: Mapping[str, str]
    """The inserted values by placeholder."""


class Templates:
    """Every template in every language."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._texts = {
            (language, letter): text
            for language in Language
            for letter in LETTERS
            if (text := _read(directory / language / f"{letter}.txt")) is not None
        }
        unknown = sorted({path.stem for path in directory.rglob("*.txt")} - LETTERS)
        if unknown:
            raise BadTemplate(f"no letter is named {', '.join(unknown)}")
        missing = sorted(name for name in LETTERS if (Language.ENGLISH, name) not in self._texts)
        if missing:
            raise BadTemplate(f"no English template for {', '.join(missing)}")

    def render(
        self, template: MessageTemplate, alert_type: AlertType, language: Language, facts: Facts
    ) -> Text:
        """The text for a client."""
        letter = letter_name(template, alert_type)
        if (language, letter) not in self._texts:
            language = Language.ENGLISH
        title, body = self._texts[language, letter]
        used = {*title.get_identifiers(), *body.get_identifiers()}
        values = {name: value for name, value in _values(facts, language).items() if name in used}
        # Only the template is scanned for placeholders: names and texts are inserted as they are.
        words = body.substitute(values)
        if facts.unvalued and "amount" in used:
            values["unvalued"] = listed(facts.unvalued)
            words += "\n" + _UNVALUED[language].format(what=values["unvalued"])
        return Text(title.substitute(values), words, language, values)


@cache
def shipped() -> Templates:
    """Those of `DIRECTORY`: read once in a process, since nothing changes them while it runs."""
    return Templates()


def money(amount: Decimal, currency: Currency) -> str:
    """``HKD 152,800.00``: with the code, because a sign such as $ is used for several currencies."""
    return f"{currency} {round_money(amount, currency):,.{minor_digits(currency)}f}"


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """A time in the market's time zone, with the name of the zone."""
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
        "stock": "\n".join(_owed(each, facts.zone, language) for each in facts.stock),
        "trades": "\n".join(_traded(each, language) for each in facts.trades),
        "text": facts.text,
    }


def _owed(owed: StockOwed, zone: ZoneInfo, language: Language) -> str:
    what = f"{_plain(owed.quantity)} {owed.symbol}"
    return _OWED[language].format(what=what, due_at=moment(owed.due_at, zone, language))


def _traded(traded: Traded, language: Language) -> str:
    return _TRADED[language].format(
        verb=_VERBS[language][traded.side],
        what=f"{_plain(traded.quantity)} {traded.symbol}",
        price=f"{traded.currency} {_plain(traded.price)}",
    )


def _plain(number: Decimal) -> str:
    """With thousands separators, without trailing zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
