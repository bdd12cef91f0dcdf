"""The demo's book is what its script makes, and tells the story that demo/README.md promises."""

import re
from pathlib import Path

import pytest

from demo.make_book import make_book, read_closes, written
from demo.report import Calls, calls_over, report
from domain.margin import AccountType
from feeds.book import BookAccount, BookFile
from feeds.book_file import parse_book

DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="module")
def book() -> BookFile:
    return parse_book((DEMO / "book.json").read_bytes())


@pytest.fixture(scope="module")
def calls(book: BookFile) -> Calls:
    return calls_over(book, read_closes())


def margin_accounts(book: BookFile) -> list[BookAccount]:
    accounts = [account for client in book.clients for account in client.accounts]
    return [account for account in accounts if account.terms.account_type is AccountType.MARGIN]


def test_the_script_makes_the_committed_book_to_the_byte() -> None:
    assert written(make_book(read_closes())) == (DEMO / "book.json").read_bytes()


def test_the_book_is_small() -> None:
    assert (DEMO / "book.json").stat().st_size < 1_000_000


def test_the_book_has_500_clients_in_the_20_stocks_and_the_option_of_the_market(book: BookFile) -> None:
    assert len(book.clients) == len({client.name for client in book.clients}) == 500
    assert len(margin_accounts(book)) == 500
    assert {part.instrument.symbol for part in book.instruments} == set(read_closes().symbols)
    assert all(3 <= len(account.positions) <= 12 for account in margin_accounts(book))


def test_some_are_short_and_some_have_two_currencies_or_own_factors(book: BookFile) -> None:
    accounts = margin_accounts(book)
    assert sum(any(part.quantity < 0 for part in account.positions) for account in accounts) > 50
    assert sum(len(account.cash) == 2 for account in accounts) > 50
    assert {account.terms.base_currency for account in accounts} == {"USD", "HKD"}
    assert sum(bool(client.factors) for client in book.clients) > 20


def test_one_cash_account_has_written_calls_that_its_shares_do_not_cover(book: BookFile) -> None:
    (call,) = (part.instrument for part in book.instruments if part.instrument.option is not None)
    assert call.option is not None
    accounts = [account for client in book.clients for account in client.accounts]
    held = [{part.symbol: part.quantity for part in account.positions} for account in accounts]
    (writer,) = (positions for positions in held if call.symbol in positions)
    assert writer[call.option.underlying] == 190
    assert -writer[call.symbol] * call.multiplier == 300


def test_no_call_is_open_at_the_first_prices(calls: Calls) -> None:
    first_day, *_ = calls.opened
    assert calls.opened[first_day] == []


def test_the_fall_of_2020_opens_50_to_150_calls_and_the_first_ones_soon(calls: Calls) -> None:
    assert 50 <= calls.total <= 150
    first_week = list(calls.opened.values())[:5]
    assert any(first_week)


def test_the_readme_quotes_the_report(book: BookFile) -> None:
    (quoted,) = re.findall(r"```\n(.*?)\n```", (DEMO / "README.md").read_text(), re.DOTALL)
    assert quoted == report(book, read_closes())
