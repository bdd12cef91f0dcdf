"""What a scenario would do to the whole book: which accounts would be called, and for how much.

One consistent read, chunk after chunk, so that memory does not grow with the book; each account is valued
twice by `compute_figures`, as it is and as it would be. It talks to the database only and can run wherever
one is active: the gateway runs it in a process of its own, so that it delays no request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, DecimalException
from heapq import heappush, heapreplace

from desk.assessment.due_calls import asked_by, due_calls
from desk.monitoring.undecided import Undecided, undecided
from domain.case import AlertType
from domain.events import AccountReference
from domain.ids import AccountId
from domain.judgement import JudgementRules, judge
from domain.margin import MarginFigures, RiskLevel, compute_figures
from domain.market import FxRate
from domain.money import ZERO, AmountTooLarge, Currency
from domain.principal import Audience
from domain.reporting import convert
from domain.stock_recovery import RECOVERY_ALERTS
from domain.what_if import Scenario, Shocked
from models.book import AccountBook, BookRules
from models.sql.database import consistent_read
from models.whole_book import every_book, live_calls, load_market

UNDECIDED_MAX = 100
"""Accounts that an answer names although nobody can say whether they would be called."""


class BookWhatIfBusy(Exception):
    """No answer now: too many ask at once, or it takes too long. The message is for the user."""


@dataclass(frozen=True, slots=True)
class BookWhatIf:
    """What is asked. `kept_max` bounds the accounts that the answer names, `accounts_per_chunk` memory."""

    scenario: Scenario
    audience: Audience
    rules: BookRules
    judgement: JudgementRules
    reporting_currency: Currency
    kept_max: int
    accounts_per_chunk: int


@dataclass(frozen=True, slots=True)
class AccountEffect:
    """An account that would be in call, in its base currency."""

    account: AccountReference
    alerts: tuple[AlertType, ...]
    """Calls that the figures would demand; none where only a live case asks on."""
    has_live_case: bool
    """Of a margin call; a recall of stock asks for no money."""
    amount_before: Decimal
    amount_after: Decimal
    liquid_net_assets_after: Decimal
    maintenance_margin_after: Decimal
    risk_level_after: RiskLevel
    stale: bool
    rank: Decimal
    """The amount afterwards in the reporting currency, at the rates of the scenario, 0 without a rate: what
    the list is sorted by."""


@dataclass(frozen=True, slots=True)
class UndecidedEffect:
    """An account of which nobody can say whether it would be called."""

    account_id: AccountId
    undecided: Undecided


@dataclass(slots=True)
class CurrencyEffect:
    """Sums over the accounts of one base currency."""

    currency: Currency
    accounts: int = 0
    calls_before: int = 0
    calls_after: int = 0
    amount_before: Decimal = ZERO
    amount_after: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class BookEffect:
    """What it comes to."""

    as_of: datetime
    accounts: int
    new_calls: int
    """Accounts without a live margin call that would get one."""
    unpriced: int
    """Accounts of which nobody can say whether they would be called, since a price, a rate or a statement
    is missing on which that depends."""
    undecided: tuple[UndecidedEffect, ...]
    """They, by account id, at most `UNDECIDED_MAX`."""
    stale: int
    left_out: int
    """Accounts that could not be read or valued: they are in no other number."""
    left_out_accounts: tuple[str, ...]
    """Their numbers, by account id, at most `UNDECIDED_MAX`."""
    currencies: tuple[CurrencyEffect, ...]
    total_before: Decimal
    """In the reporting currency at today's rates, as far as they are known."""
    total_after: Decimal
    """The same at the rates of the scenario."""
    unconverted: tuple[Currency, ...]
    """With something to collect, before or after, and without a rate: not in the totals."""
    worst: tuple[AccountEffect, ...]
    """Accounts in call afterwards, the most to collect first, at most `kept_max`."""
    calls_after: int


async def book_what_if(asked: BookWhatIf, now: datetime) -> BookEffect:
    """Reads everything of one moment; changes nothing."""
    async with consistent_read():
        market = await load_market(asked.rules, now)
        live = await live_calls(asked.audience)
        into, shocked = market.rates.get(asked.reporting_currency, {}), Shocked(asked.scenario)
        then = {currency: shocked.rate(rate) for currency, rate in into.items()}
        tally = _Tally(asked, shocked, live, into, then, now)
        async for chunk in every_book(asked.audience, market, asked.accounts_per_chunk):
            tally.left_out += chunk.left_out
            for book in chunk.books:
                tally.add_or_leave_out(book)
    return tally.result()


@dataclass(slots=True)
class _Tally:
    asked: BookWhatIf
    shocked: Shocked
    live: Mapping[AccountId, frozenset[AlertType]]
    into_reporting: Mapping[Currency, FxRate]
    into_reporting_then: Mapping[Currency, FxRate]
    """Under the scenario."""
    now: datetime
    left_out: list[str] = field(default_factory=list)
    new_calls: int = 0
    unpriced: int = 0
    undecided: list[UndecidedEffect] = field(default_factory=list)
    stale: int = 0
    currencies: dict[Currency, CurrencyEffect] = field(default_factory=dict)
    _worst: list[tuple[Decimal, AccountId, AccountEffect]] = field(default_factory=list)

    def add_or_leave_out(self, account: AccountBook) -> None:
        """One whose figures cannot be computed costs the others nothing."""
        try:
            self.add(account)
        except (AmountTooLarge, DecimalException):
            self.left_out.append(account.account.account_no)

    def add(self, account: AccountBook) -> None:
        """Value the account as it is and as it would be."""
        book = account.book
        after = self.shocked.book(book)
        rules = self.asked.judgement
        figures = compute_figures(book, self.now, rules.max_age)
        judgement = judge(book, figures, rules)
        then, judged_then = figures, judgement
        if after is not book:
            then = compute_figures(after, self.now, rules.max_age)
            judged_then = judge(after, then, rules)
        self._note_undecided(account, undecided(account, judged_then, then, self.now))
        self.stale += figures.stale
        live = self.live.get(account.account.account_id, frozenset()) - RECOVERY_ALERTS
        sums = self._sums(account.account.base_currency)
        sums.accounts += 1
        asked = asked_by(live | due_calls(account, judgement, figures, self.now), account, figures)
        if asked:
            sums.calls_before += 1
            sums.amount_before += asked
        alerts = due_calls(account, judged_then, then, self.now)
        asked_then = asked_by(live | alerts, account, then)
        if asked_then:
            sums.calls_after += 1
            sums.amount_after += asked_then
            self.new_calls += not live
            amounts = asked, asked_then
            self._keep(self._effect(account, tuple(sorted(alerts)), bool(live), amounts, then))

    def result(self) -> BookEffect:
        """Everything added so far."""
        currencies = tuple(self.currencies[key] for key in sorted(self.currencies))
        reporting = self.asked.reporting_currency
        before = convert(
            ((each.currency, each.amount_before) for each in currencies), self.into_reporting, reporting
        )
        then = convert(
            ((each.currency, each.amount_after) for each in currencies), self.into_reporting_then, reporting
        )
        worst = sorted(self._worst, key=lambda kept: (-kept[0], kept[1]))
        return BookEffect(
            as_of=self.now,
            accounts=sum(each.accounts for each in currencies),
            new_calls=self.new_calls,
            unpriced=self.unpriced,
            undecided=tuple(self.undecided),
            stale=self.stale,
            left_out=len(self.left_out),
            left_out_accounts=tuple(self.left_out[:UNDECIDED_MAX]),
            currencies=currencies,
            total_before=before.total,
            total_after=then.total,
            unconverted=tuple(sorted({*before.unconverted, *then.unconverted})),
            worst=tuple(effect for _, _, effect in worst),
            calls_after=sum(each.calls_after for each in currencies),
        )

    def _note_undecided(self, account: AccountBook, found: Undecided) -> None:
        if not found.calls:
            return
        self.unpriced += 1
        if len(self.undecided) < UNDECIDED_MAX:
            self.undecided.append(UndecidedEffect(account.account.account_id, found))

    def _sums(self, currency: Currency) -> CurrencyEffect:
        if currency not in self.currencies:
            self.currencies[currency] = CurrencyEffect(currency)
        return self.currencies[currency]

    def _effect(
        self,
        account: AccountBook,
        alerts: tuple[AlertType, ...],
        live: bool,
        amounts: tuple[Decimal, Decimal],
        after: MarginFigures,
    ) -> AccountEffect:
        """`amounts`: what its calls ask for, before and after."""
        before, then = amounts
        return AccountEffect(
            account=account.account,
            alerts=alerts,
            has_live_case=live,
            amount_before=before,
            amount_after=then,
            liquid_net_assets_after=after.liquid_net_assets,
            maintenance_margin_after=after.maintenance_margin,
            risk_level_after=after.risk_level,
            stale=after.stale,
            rank=self._rank(account.account.base_currency, then),
        )

    def _rank(self, currency: Currency, amount: Decimal) -> Decimal:
        return convert([(currency, amount)], self.into_reporting_then, self.asked.reporting_currency).total

    def _keep(self, effect: AccountEffect) -> None:
        """The worst so far; a heap with the least of them on top."""
        item = (effect.rank, effect.account.account_id, effect)
        if len(self._worst) < self.asked.kept_max:
            heappush(self._worst, item)
        elif item[:2] > self._worst[0][:2]:
            heapreplace(self._worst, item)
