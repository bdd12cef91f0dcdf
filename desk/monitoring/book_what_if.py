"""The effect of a scenario on the whole book: which accounts would be called, and for how much.

One consistent read, chunk by chunk, so that memory does not grow with the book; `compute_figures` values each
account twice, as it is and under the scenario. It uses only the database: the gateway runs it in a process of
its own, so that it delays no request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, DecimalException
from heapq import heappush, heapreplace

from desk.assessment.due_calls import amount_demanded, due_calls
from desk.monitoring.undecided import Undecided, undecided
from domain.case import RECOVERY_ALERTS, AlertType
from domain.events import AccountReference
from domain.ids import AccountId
from domain.judgement import JudgementPolicy, judge
from domain.margin import MarginFigures, RiskLevel, compute_figures
from domain.market import FxRate
from domain.money import ZERO, AmountTooLarge, Currency
from domain.principal import Audience
from domain.reporting import convert
from domain.what_if import Scenario, Shocked
from models.book import AccountBook, BookPolicy
from models.sql.database import consistent_read
from models.whole_book import every_book, live_calls, load_market

UNDECIDED_MAX = 100
"""The most undecided or omitted accounts that an answer names."""


class BookWhatIfBusy(Exception):
    """The calculation is refused or was stopped: too many requests at once, or it took too long. The message
    is for the client.
    """


@dataclass(frozen=True, slots=True)
class BookWhatIfRequest:
    """The scenario. `kept_max` bounds the accounts named in the answer, `accounts_per_chunk` the memory."""

    scenario: Scenario
    audience: Audience
    policy: BookPolicy
    judgement: JudgementPolicy
    reporting_currency: Currency
    kept_max: int
    accounts_per_chunk: int


@dataclass(frozen=True, slots=True)
class AccountEffect:
    """An account that would be in call, in its base currency."""

    account: AccountReference
    alerts: tuple[AlertType, ...]
    """Calls that the figures would demand; empty if only a live case still demands something."""
    has_live_case: bool
    """Whether a margin call is live; stock recalls do not count, since they demand no money."""
    amount_before: Decimal
    amount_after: Decimal
    liquid_net_assets_after: Decimal
    maintenance_margin_after: Decimal
    risk_level_after: RiskLevel
    stale: bool
    rank: Decimal
    """The sort key of the list: the amount afterwards in the reporting currency at the scenario's rates, 0
    without a rate.
    """


@dataclass(frozen=True, slots=True)
class UndecidedEffect:
    """An account that may or may not be called, depending on missing data."""

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
    """The result of the calculation."""

    as_of: datetime
    accounts: int
    new_calls: int
    """Accounts without a live margin call that would get one."""
    unpriced: int
    """Accounts that may or may not be called, because a price, a rate or a statement is missing."""
    undecided: tuple[UndecidedEffect, ...]
    """These accounts by account id, at most `UNDECIDED_MAX`."""
    stale: int
    left_out: int
    """Accounts that could not be read or valued; they are in no other number."""
    left_out_accounts: tuple[str, ...]
    """Their account numbers by account id, at most `UNDECIDED_MAX`."""
    currencies: tuple[CurrencyEffect, ...]
    total_before: Decimal
    """In the reporting currency at current rates, as far as these are known."""
    total_after: Decimal
    """In the reporting currency at the scenario's rates."""
    unconverted: tuple[Currency, ...]
    """Currencies with something to collect, before or after, but without a rate: not in the totals."""
    worst: tuple[AccountEffect, ...]
    """Accounts in call afterwards, the most to collect first, at most `kept_max`."""
    calls_after: int


async def book_what_if(request: BookWhatIfRequest, now: datetime) -> BookEffect:
    """Read everything as of one moment; changes nothing."""
    async with consistent_read():
        market = await load_market(request.policy, now)
        live = await live_calls(request.audience)
        into, shocked = market.conditions.rates.get(request.reporting_currency, {}), Shocked(request.scenario)
        then = {currency: shocked.rate(rate) for currency, rate in into.items()}
        tally = _Tally(request, shocked, live, into, then, now)
        async for chunk in every_book(request.audience, market, request.accounts_per_chunk):
            tally.left_out += chunk.left_out
            for book in chunk.books:
                tally.add_or_leave_out(book)
    return tally.result()


@dataclass(slots=True)
class _Tally:
    request: BookWhatIfRequest
    shocked: Shocked
    live: Mapping[AccountId, frozenset[AlertType]]
    into_reporting: Mapping[Currency, FxRate]
    into_reporting_then: Mapping[Currency, FxRate]
    """Rates into the reporting currency under the scenario."""
    now: datetime
    left_out: list[str] = field(default_factory=list)
    new_calls: int = 0
    unpriced: int = 0
    undecided: list[UndecidedEffect] = field(default_factory=list)
    stale: int = 0
    currencies: dict[Currency, CurrencyEffect] = field(default_factory=dict)
    _worst: list[tuple[Decimal, AccountId, AccountEffect]] = field(default_factory=list)

    def add_or_leave_out(self, account: AccountBook) -> None:
        """Add the account, or count it as omitted if its figures cannot be computed."""
        try:
            self.add(account)
        except (AmountTooLarge, DecimalException):
            self.left_out.append(account.account.account_no)

    def add(self, account: AccountBook) -> None:
        """Value the account as it is and under the scenario."""
        book = account.book
        after = self.shocked.book(book)
        policy = self.request.judgement
        figures = compute_figures(book, self.now, policy.max_age)
        judgement = judge(book, figures, policy)
        then, judged_then = figures, judgement
        if after is not book:
            then = compute_figures(after, self.now, policy.max_age)
            judged_then = judge(after, then, policy)
        self._note_undecided(account, undecided(account, judged_then, then, self.now))
        self.stale += figures.stale
        live = self.live.get(account.account.account_id, frozenset()) - RECOVERY_ALERTS
        sums = self._sums(account.account.base_currency)
        sums.accounts += 1
        amount = amount_demanded(live | due_calls(account, judgement, figures, self.now), account, figures)
        if amount:
            sums.calls_before += 1
            sums.amount_before += amount
        alerts = due_calls(account, judged_then, then, self.now)
        amount_then = amount_demanded(live | alerts, account, then)
        if amount_then:
            sums.calls_after += 1
            sums.amount_after += amount_then
            self.new_calls += not live
            amounts = amount, amount_then
            self._keep(self._effect(account, tuple(sorted(alerts)), bool(live), amounts, then))

    def result(self) -> BookEffect:
        """The effect on all accounts added so far."""
        currencies = tuple(self.currencies[key] for key in sorted(self.currencies))
        reporting = self.request.reporting_currency
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

    def _note_undecided(self, account: AccountBook, open_calls: Undecided) -> None:
        if not open_calls.calls:
            return
        self.unpriced += 1
        if len(self.undecided) < UNDECIDED_MAX:
            self.undecided.append(UndecidedEffect(account.account.account_id, open_calls))

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
        """The effect on one account; `amounts`: what its calls demand before and after."""
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
        return convert([(currency, amount)], self.into_reporting_then, self.request.reporting_currency).total

    def _keep(self, effect: AccountEffect) -> None:
        """Keep the accounts with the most to collect, in a heap with the smallest on top."""
        item = (effect.rank, effect.account.account_id, effect)
        if len(self._worst) < self.request.kept_max:
            heappush(self._worst, item)
        elif item[:2] > self._worst[0][:2]:
            heapreplace(self._worst, item)
