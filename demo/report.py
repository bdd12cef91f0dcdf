"""Plays the closing prices over a book, without any action of an operator, and prints which calls open.

A call opens when liquid net assets fall below maintenance and ends when there is nothing left to collect; the
figures come from `domain.margin`. Between two closes the replayed market may open a few calls more.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from domain.ids import Symbol
from domain.margin import AccountType, AmountRule, Book, Holding, MarginFigures, compute_figures
from domain.market import DEFAULT_FACTORS, FxRate, Instrument, MarginFactors, Quote
from domain.money import Currency
from feeds.book import BookAccount, BookClient, BookFile
from feeds.closes import Closes, on_tick


@dataclass(slots=True)
class Calls:
    """What happened: accounts whose call is open, and the calls opened per day in order of the days."""

    open: set[str] = field(default_factory=set)
    opened: dict[date, list[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All calls."""
        return sum(len(accounts) for accounts in self.opened.values())

    @property
    def accounts(self) -> set[str]:
        """Accounts that had a call."""
        return {account for accounts in self.opened.values() for account in accounts}


def calls_over(book: BookFile, closes: Closes) -> Calls:
    """Every call that the closing prices open, day by day."""
    calls = Calls()
    for day, when in enumerate(closes.dates):
        opened = []
        for account_no, figures in figures_at(book, closes, day):
            if account_no in calls.open:
                if figures.amount == 0:
                    calls.open.remove(account_no)
            elif figures.liquid_net_assets < figures.maintenance_margin:
                calls.open.add(account_no)
                opened.append(account_no)
        calls.opened[when] = opened
    return calls


def figures_at(book: BookFile, closes: Closes, day: int) -> Iterator[tuple[str, MarginFigures]]:
    """Account number and figures of every margin account at one day's closes."""
    now = datetime.combine(closes.dates[day], time(21), UTC)
    quotes = {
        symbol: Quote(symbol, now, last=on_tick(price))
        for symbol, price in zip(closes.symbols, closes.prices[day], strict=True)
    }
    instruments = {part.instrument.symbol: part.instrument for part in book.instruments}
    common = {part.instrument.symbol: part.factors or DEFAULT_FACTORS for part in book.instruments}
    fx = [FxRate(part.base_currency, part.quote_currency, part.rate, now) for part in book.fx]
    for client in book.clients:
        factors = common | {part.symbol: part.factors for part in client.factors}
        for account in client.accounts:
            if account.terms.account_type is AccountType.MARGIN:
                valued = _book_of(account, instruments, factors, quotes, fx)
                yield account.account_no, compute_figures(valued, now, timedelta(minutes=1))


def _book_of(
    account: BookAccount,
    instruments: Mapping[Symbol, Instrument],
    factors: Mapping[Symbol, MarginFactors],
    quotes: Mapping[Symbol, Quote],
    fx: list[FxRate],
) -> Book:
    base = account.terms.base_currency
    into_base: dict[Currency, FxRate] = {
        rate.base_currency: rate for rate in fx if rate.quote_currency == base
    }
    holdings = tuple(
        Holding(
            instruments[part.symbol],
            part.quantity,
            factors[part.symbol],
            quotes[part.symbol],
            False,
            part.average_cost,
        )
        for part in account.positions
    )
    return Book(account.terms, AmountRule(), account.cash, holdings, into_base)


def report(book: BookFile, closes: Closes) -> str:
    """The calls in words."""
    calls = calls_over(book, closes)
    first_day = closes.dates[0]
    groups = Counter(client.group for client in book.clients if _numbers(client) & calls.accounts)
    per_day = "\n".join(
        f"  {when}  {len(accounts):3}  {'#' * len(accounts)}"
        for when, accounts in calls.opened.items()
        if accounts
    )
    return "\n".join(
        (
            f"clients {len(book.clients)}, closes {first_day} to {closes.dates[-1]}",
            f"margin calls open at the first prices: {len(calls.opened[first_day])}",
            f"margin calls opened by the closes: {calls.total}, in {len(calls.accounts)} accounts",
            f"still open at the end if no operator acts: {len(calls.open)}",
            "by client group: "
            + ", ".join(f"{group} {count}" for group, count in sorted(groups.items(), key=str)),
            "opened per day:",
            per_day,
        )
    )


def _numbers(client: BookClient) -> set[str]:
    return {account.account_no for account in client.accounts}
