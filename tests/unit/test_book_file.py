"""A book file is taken whole or refused with every problem, each at its JSON path."""

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.margin import AccountType
from domain.market import FactorSource, InstrumentKind, MarginFactors, TradeStatus
from domain.money import Currency
from feeds.book import BookFx
from feeds.book_file import BookFileError, parse_book

DOCUMENT = Path(__file__).parents[2] / "docs" / "feeds.md"
EXAMPLES = re.findall(r"```json-book\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
GOOD: dict[str, Any] = orjson.loads(EXAMPLES[0])

Change = Callable[[dict[str, Any]], object]


def problems_after(change: Change) -> tuple[str, ...]:
    """What is wrong with the documented example once it is changed."""
    book = copy.deepcopy(GOOD)
    change(book)
    with pytest.raises(BookFileError) as refused:
        parse_book(orjson.dumps(book))
    return refused.value.problems


def an_option_on(underlying: str) -> dict[str, Any]:
    """In US dollars."""
    terms = {"underlying": underlying, "right": "CALL", "strike": "1", "expiry": "2020-03-20"}
    return {
        "symbol": "OPT.US",
        "name": "Option",
        "market": "XNYS",
        "currency": "USD",
        "kind": "OPTION",
        "option": terms,
    }


def with_strike(strike: str) -> dict[str, Any]:
    """An option that is fine otherwise."""
    made = an_option_on("AAPL.US")
    return made | {"option": made["option"] | {"strike": strike}}


def account(book: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = book["clients"][0]["accounts"][0]
    return found


def test_the_documented_example_is_read_as_it_says() -> None:
    book = parse_book(EXAMPLES[0].encode())
    apple, dragon = book.instruments
    assert apple.factors == MarginFactors(
        Decimal("0.40"), Decimal("0.30"), Decimal("0.35"), Decimal("0.25"), FactorSource.INSTRUMENT
    )
    assert dragon.factors is None
    assert dragon.instrument.kind is InstrumentKind.STOCK
    assert dragon.instrument.trade_status is TradeStatus.SUSPENDED
    assert dragon.instrument.suspended_since == datetime(2020, 1, 6, 1, 30, tzinfo=UTC)
    assert (dragon.instrument.lot_size, dragon.instrument.fee_rate) == (Decimal(1000), Decimal(0))
    assert book.fx[0] == BookFx(Currency("USD"), Currency("HKD"), Decimal("7.78"))
    (client,) = book.clients
    (only,) = client.accounts
    assert (client.client_no, client.name, client.group) == ("CL0001", "Aiko Yarrowgate", "Retail")
    assert only.terms.account_type is AccountType.MARGIN
    assert only.terms.financing_limit == 900_000
    assert [(cash.currency, cash.balance, cash.accrued_interest) for cash in only.cash] == [
        ("USD", Decimal("-51250.75"), Decimal("61.50"))
    ]
    assert [(part.symbol, part.quantity, part.average_cost) for part in only.positions] == [
        ("AAPL.US", Decimal(1320), Decimal("62.31")),
        ("1234.HK", Decimal(50_000), None),
    ]
    assert client.factors[0].symbol == "AAPL.US"
    assert client.factors[0].factors.source is FactorSource.CLIENT


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda book: book.pop("version"), "$.version: missing"),
        (lambda book: book.update(version=2), "$.version: must be 1, the only supported version"),
        (lambda book: book.update(currency="USD"), "$.currency: unknown field"),
        (lambda book: book.update(clients={}), "$.clients: must be an array"),
        (lambda book: book["clients"].append("CL0002"), "$.clients[1]: must be an object"),
        (
            lambda book: book["instruments"][0].update(lotSize="0"),
            "$.instruments[0].lotSize: must be above zero",
        ),
        (lambda book: book["instruments"][0].update(feeRate="1"), "$.instruments[0]: AAPL.US: the fee rate"),
        (
            lambda book: book["instruments"][0].update(kind="BOND"),
            "$.instruments[0].kind: must be one of STOCK",
        ),
        (
            lambda book: book["instruments"][0].update(tickSize="0"),
            "$.instruments[0].tickSize: must be a tick size: a tick must be above 0",
        ),
        (
            lambda book: book["instruments"][0].update(tickSize=0.01),
            "$.instruments[0].tickSize: must be a tick size such as",
        ),
        (
            lambda book: book["instruments"].append(an_option_on("1234.HK")),
            "$.instruments[2].option.underlying: 1234.HK is in HKD, but the option is in USD",
        ),
        (
            lambda book: book["instruments"].append(an_option_on("AAPL.US") | {"negativePrices": True}),
            "$.instruments[2]: negativePrices must not be set for an OPTION, whose premium is never negative",
        ),
        (
            lambda book: account(book)["positions"][0].update(averageCost="-1"),
            "$.clients[0].accounts[0].positions[0].averageCost: must be zero or more, since prices of",
        ),
        (
            lambda book: book["instruments"].append(an_option_on("AAPL.US") | {"option": "CALL"}),
            "$.instruments[2].option: must be an object",
        ),
        (
            lambda book: book["instruments"].append(with_strike("0")),
            "$.instruments[2].option.strike: must be above zero",
        ),
        (
            lambda book: book["instruments"].append(an_option_on("AAPL.US") | {"option": None}),
            "$.instruments[2]: an OPTION must state its terms in option",
        ),
        (
            lambda book: book["instruments"].append(an_option_on("OPT.US")),
            "$.instruments[2].option.underlying: an option must not be its own underlying",
        ),
        (
            lambda book: book["instruments"][0].update(tickSize="0.01, 0.5:0.03"),
            "$.instruments[0].tickSize: must be a tick size: 0.5 must be a multiple of the ticks below and",
        ),
        (
            lambda book: book["instruments"][0].update(market=""),
            "$.instruments[0].market: must be a market with a calendar",
        ),
        (
            lambda book: book["instruments"][0].update(factors=[]),
            "$.instruments[0].factors: must be an object",
        ),
        (
            lambda book: book["instruments"][0]["factors"].update(maintenance="0.36"),
            "$.instruments[0].factors: factors must satisfy",
        ),
        (
            lambda book: book["clients"][0]["factors"][0].update(forceClose="0.46"),
            "$.clients[0].factors[0]: factors",
        ),
        (lambda book: book["clients"][0].update(name="A\nB"), "$.clients[0].name: must be a text"),
        (lambda book: book["clients"][0].update(group=""), "$.clients[0].group: must be a text"),
        (
            lambda book: account(book).update(type="LOAN"),
            "$.clients[0].accounts[0].type: must be one of MARGIN",
        ),
        (
            lambda book: account(book).update(financingLimit="-1"),
            "$.clients[0].accounts[0].financingLimit: must be",
        ),
        (
            lambda book: account(book)["cash"][0].update(balance=-51250.75),
            "$.clients[0].accounts[0].cash[0].balance: must be a decimal in a string",
        ),
        (
            lambda book: account(book)["cash"][0].update(balance="NaN"),
            "$.clients[0].accounts[0].cash[0].balance: must be a decimal",
        ),
        (
            lambda book: account(book)["positions"][1].update(quantity="0.00"),
            "$.clients[0].accounts[0].positions[1].quantity: must be other than zero",
        ),
        (
            lambda book: account(book)["positions"][1].update(symbol="9.HK"),
            "$.clients[0].accounts[0].positions[1].symbol: 9.HK is not among the instruments",
        ),
        (
            lambda book: account(book)["positions"].append(account(book)["positions"][0]),
            "$.clients[0].accounts[0].positions[2].symbol: AAPL.US is already used at"
            " $.clients[0].accounts[0].positions[0].symbol",
        ),
        (
            lambda book: account(book)["cash"].append(account(book)["cash"][0]),
            "$.clients[0].accounts[0].cash[1].currency: USD is already used at",
        ),
        (
            lambda book: account(book)["cash"].append({"currency": "JPY", "balance": "1"}),
            "$.clients[0].accounts[0].cash[1].currency: no FX rate from JPY to the account's HKD",
        ),
        (
            lambda book: account(book).update(
                baseCurrency="EUR", cash=[], positions=account(book)["positions"][:1]
            ),
            "$.clients[0].accounts[0].positions[0].symbol: no FX rate from USD to the account's EUR",
        ),
        (
            lambda book: book["clients"].append(book["clients"][0] | {"clientNo": "CL0002"}),
            "$.clients[1].accounts[0].accountNo: M100001 is already used at $.clients[0].accounts[0]",
        ),
        (
            lambda book: book["clients"].append(book["clients"][0] | {"accounts": []}),
            "$.clients[1].clientNo: CL0001 is already used at $.clients[0].clientNo",
        ),
        (
            lambda book: book["instruments"].append(book["instruments"][0]),
            "$.instruments[2].symbol: AAPL.US is already",
        ),
        (
            lambda book: book["instruments"][1].update(tradeStatus="TRADING"),
            "$.instruments[1]: suspendedSince is only for an instrument that is SUSPENDED or DELISTED",
        ),
        (lambda book: book["fx"].append(book["fx"][0]), "$.fx[2]: USD/HKD is already used at $.fx[0]"),
        (
            lambda book: book["fx"][0].update(quoteCurrency="USD"),
            "$.fx[0]: an FX rate must have two different currencies",
        ),
        (
            lambda book: book["clients"][0]["factors"][0].update(symbol="9.HK"),
            "$.clients[0].factors[0].symbol: 9.HK is not among the instruments",
        ),
        (
            lambda book: book["clients"][0]["factors"].append(book["clients"][0]["factors"][0]),
            "$.clients[0].factors[1].symbol: AAPL.US is already used at",
        ),
    ],
)
def test_a_flaw_is_refused_at_its_path(change: Change, problem: str) -> None:
    (found,) = problems_after(change)
    assert found.startswith(problem)


def test_every_problem_is_found_not_only_the_first() -> None:
    def change(book: dict[str, Any]) -> None:
        book["instruments"][1].update(lotSize="-1", currency="hkd")
        account(book)["cash"][0].pop("balance")
        account(book)["positions"][0].update(quantity="0")

    assert [problem.partition(":")[0] for problem in problems_after(change)] == [
        "$.instruments[1].currency",
        "$.instruments[1].lotSize",
        "$.clients[0].accounts[0].cash[0].balance",
        "$.clients[0].accounts[0].positions[0].quantity",
    ]


def test_one_run_finds_faults_inside_of_a_broken_part_and_between_the_others() -> None:
    def change(book: dict[str, Any]) -> None:
        book["version"] = 9
        book["instruments"][0].update(currency="HDK", factors={"initial": "1"}, suspendedSince="yesterday")
        book["clients"][0].pop("name")
        account(book).update(type="LOAN")
        account(book)["positions"][1].update(quantity="many")
        book["clients"][0]["contact"].update(email="nobody")
        other = {"accountNo": "X1", "type": "MARGIN", "baseCurrency": "HKD"}
        holds = [{"symbol": "AAPL.US", "quantity": "1"}, {"symbol": "9.HK", "quantity": "1"}]
        book["clients"].append({"clientNo": "C2", "name": "B", "accounts": [other | {"positions": holds}]})

    assert [problem.partition(": ")[0] for problem in problems_after(change)] == [
        "$.version",
        "$.instruments[0].currency",
        "$.instruments[0].suspendedSince",
        "$.instruments[0].factors.maintenance",
        "$.instruments[0].factors.marginCall",
        "$.instruments[0].factors.forceClose",
        "$.clients[0].name",
        "$.clients[0].accounts[0].type",
        "$.clients[0].accounts[0].positions[1].quantity",
        "$.clients[0].contact.email",
    ]


def test_contradictions_are_found_beside_unreadable_values() -> None:
    def change(book: dict[str, Any]) -> None:
        book["instruments"][0].update(lotSize="0")
        account(book)["positions"].append({"symbol": "9.HK", "quantity": "1"})
        book["clients"].append(book["clients"][0] | {"accounts": []})

    assert [problem.partition(": ")[0] for problem in problems_after(change)] == [
        "$.instruments[0].lotSize",
        "$.clients[1].clientNo",
        "$.clients[0].accounts[0].positions[2].symbol",
    ]


def test_the_message_lists_20_problems_and_says_how_many_more_there_are() -> None:
    book = copy.deepcopy(GOOD) | {"fx": [{}] * 10}
    with pytest.raises(BookFileError) as refused:
        parse_book(orjson.dumps(book))
    assert len(refused.value.problems) == 30
    lines = str(refused.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "... and 10 more")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 5000])
def test_malformed_json_is_refused(data: bytes) -> None:
    with pytest.raises(BookFileError, match="not JSON"):
        parse_book(data)


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        (b'"clients":', b'"clients":[],"clients":'),
        (b'"positions":', b'"positions":[],"positions":'),
        (b'"quantity":', b'"quantity":"1","quantity":'),
        (b'"version":', b'"version":1,"version":'),
    ],
)
def test_a_field_that_is_there_twice_is_refused(once: bytes, twice: bytes) -> None:
    """One of the two would be lost without a word."""
    data = orjson.dumps(GOOD)
    assert parse_book(data)
    with pytest.raises(BookFileError, match="occurs twice in one object"):
        parse_book(data.replace(once, twice, 1))


def test_a_book_without_clients_is_a_book() -> None:
    book = parse_book(b'{"version": 1, "instruments": [], "clients": []}')
    assert (book.instruments, book.fx, book.clients) == ((), (), ())
