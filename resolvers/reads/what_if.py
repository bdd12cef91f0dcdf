"""What-if: an account, or the whole book, under shocked prices and rates."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry

from desk.assessment.due_calls import due_calls
from desk.monitoring.book_what_if import (
    UNDECIDED_MAX,
    AccountEffect,
    BookEffect,
    BookWhatIfBusy,
    CurrencyEffect,
)
from desk.monitoring.book_what_if import BookWhatIf as Asked
from desk.monitoring.undecided import undecided as find_undecided
from domain.amount_formula import LiquidationTarget
from domain.case import AlertType
from domain.ids import AccountId, CaseId, Symbol
from domain.judgement import judge
from domain.liquidation import plan
from domain.liquidation_plan import PlanRequest
from domain.liquidation_policy import LiquidationPolicy
from domain.margin import RiskLevel, compute_figures
from domain.market import InstrumentKind
from domain.money import ONE, Currency
from domain.refusals import Refusal
from domain.what_if import Scenario, shocked
from models.sql.where import Page
from resolvers.commands.liquidation_preview import LiquidationPreview, preview_of, refused_preview
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.errors import BAD_USER_INPUT, BOOK_BUSY, ApiError
from resolvers.kit.known_names import check_scenario
from resolvers.kit.loaders import BookAndOrders
from resolvers.kit.node import filter_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types import undecided
from resolvers.types.client import Account, load_account
from resolvers.types.figures import MarginFigures, figures_of
from resolvers.types.undecided import UndecidedReason, reasons_of

SHOCKS_MAX = 200


@strawberry.input(
    description="A change of prices. Name symbols, or a market, or a kind; or nothing: then everything. Of "
    "several shocks on one instrument the most specific counts alone: symbol, market, kind, everything. A "
    "name that the desk does not know is refused."
)
class PriceShockInput:
    """To domain.what_if.Scenario."""

    factor: Decimal = strawberry.field(
        description="A fraction above -1: -0.30 takes 30 percent off every price."
    )
    symbols: list[str] | None = strawberry.field(
        default=None, description="These instruments: one, or a group."
    )
    market: str | None = strawberry.field(default=None, description="Everything of a market, such as XHKG.")
    kind: InstrumentKind | None = strawberry.field(default=None, description="Everything of a kind.")


@strawberry.input(description="A change of what a currency is worth in all others.")
class CurrencyShockInput:
    """To domain.what_if.Scenario."""

    currency: str = strawberry.field(description="ISO 4217.")
    factor: Decimal = strawberry.field(description="A fraction above -1: 0.05 makes it dearer by 5 percent.")


@strawberry.input(description="What is supposed to happen to prices and rates; positions stay as they are.")
class ScenarioInput:
    """To domain.what_if.Scenario."""

    prices: list[PriceShockInput] = strawberry.field(
        default_factory=list, description="At most 200, none twice about the same."
    )
    currencies: list[CurrencyShockInput] = strawberry.field(
        default_factory=list, description="At most 200, each currency once."
    )

    def scenario(self) -> Scenario:
        """For the domain; raises ApiError for what makes no sense."""
        named = [shock for each in self.prices for shock in _named(each)]
        rates = [(Currency(each.currency), each.factor) for each in self.currencies]
        shocks = [*named, *(("currency", *rate) for rate in rates)]
        if len(shocks) > SHOCKS_MAX:
            raise ApiError(BAD_USER_INPUT, f"A scenario has at most {SHOCKS_MAX} shocks.")
        if len({(about, key) for about, key, _ in shocks}) != len(shocks):
            raise ApiError(BAD_USER_INPUT, "A scenario has one shock at most for each thing.")
        if any(factor <= -ONE for _, _, factor in shocks):
            raise ApiError(BAD_USER_INPUT, "A shock's factor is a fraction above -1.")
        return Scenario(
            everything=next((factor for about, _, factor in named if about == "everything"), Decimal(0)),
            kinds={InstrumentKind(key): factor for about, key, factor in named if about == "kind"},
            markets={key: factor for about, key, factor in named if about == "market"},
            symbols={Symbol(key): factor for about, key, factor in named if about == "symbol"},
            currencies=dict(rates),
        )


def _named(shock: PriceShockInput) -> list[tuple[str, str, Decimal]]:
    given = [shock.symbols is not None, shock.market is not None, shock.kind is not None]
    if sum(given) > 1:
        raise ApiError(BAD_USER_INPUT, "A price shock names symbols, or a market, or a kind.")
    if shock.symbols is not None:
        return [("symbol", symbol, shock.factor) for symbol in shock.symbols]
    if shock.market is not None:
        return [("market", shock.market, shock.factor)]
    if shock.kind is not None:
        return [("kind", shock.kind.value, shock.factor)]
    return [("everything", "", shock.factor)]


@strawberry.input(description="A scenario for one account: name the account, or one of its cases.")
class WhatIfInput:
    """One of account_id and case_id."""

    scenario: ScenarioInput = strawberry.field(description="What is supposed to happen.")
    account_id: strawberry.ID | None = strawberry.field(default=None, description="The account.")
    case_id: strawberry.ID | None = strawberry.field(default=None, description="Or a case of it.")
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER, description="How the plan would pick."
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="Up to where the plan would sell."
    )


@strawberry.type(description="An account as it is and as it would be. Nothing is stored.")
class WhatIf:
    """From domain.what_if."""

    before: MarginFigures = strawberry.field(description="At the last prices.")
    after: MarginFigures = strawberry.field(description="At the prices and rates of the scenario.")
    calls: list[AlertType] = strawberry.field(
        description="Margin calls that the figures would demand and no exemption prevents."
    )
    undecided_calls: list[AlertType] = strawberry.field(description=undecided.CALLS)
    undecided_reasons: list[UndecidedReason] = strawberry.field(description=undecided.REASONS)
    plan: LiquidationPreview = strawberry.field(
        description="What a liquidation at the prices of the scenario would sell, open orders counted."
    )
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="Whose figures these are.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="Sums over the accounts of one base currency, in that currency.")
class CurrencyCalls:
    """From desk.monitoring.book_what_if.CurrencyEffect."""

    currency: str = strawberry.field(description="ISO 4217.")
    accounts: int = strawberry.field(description="How many accounts there are.")
    calls_before: int = strawberry.field(description="Accounts with something to collect on a call now.")
    calls_after: int = strawberry.field(description="The same under the scenario.")
    amount_before: Decimal = strawberry.field(description="What is to be collected from them now.")
    amount_after: Decimal = strawberry.field(description="The same under the scenario.")


@strawberry.type(description="An account that would be in call. Amounts in its base currency.")
class AccountCall:
    """From desk.monitoring.book_what_if.AccountEffect."""

    alerts: list[AlertType] = strawberry.field(
        description="Calls that the figures would demand; none where only the open case asks on."
    )
    has_open_case: bool = strawberry.field(
        description="A margin call of the account is open already; a recall of stock is none."
    )
    amount_before: Decimal = strawberry.field(description="To collect at the last prices.")
    amount_after: Decimal = strawberry.field(description="To collect under the scenario.")
    liquid_net_assets_after: Decimal = strawberry.field(description="Under the scenario.")
    maintenance_margin_after: Decimal = strawberry.field(description="Under the scenario.")
    risk_level_after: RiskLevel = strawberry.field(description="Under the scenario.")
    stale: bool = strawberry.field(description="A price or rate behind these figures is too old.")
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="An account of which the desk cannot say whether it would be called.")
class UndecidedAccount:
    """From desk.monitoring.book_what_if.UndecidedEffect."""

    calls: list[AlertType] = strawberry.field(
        description="Margin calls that may be due, depending on what is missing."
    )
    reasons: list[UndecidedReason] = strawberry.field(description="What is missing to decide them.")
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(
    description="The whole book, within your scope, under a scenario; of one moment. Nothing is stored."
)
class BookWhatIf:
    """From desk.monitoring.book_what_if.BookEffect."""

    as_of: datetime = strawberry.field(description="The moment of prices, positions and rates.")
    accounts_valued: int = strawberry.field(description="How many accounts there are.")
    unpriced: int = strawberry.field(
        description="Accounts of which the desk cannot say whether they would be called: a price, a rate or "
        "a statement is missing on which that depends. `undecided` names them."
    )
    undecided: list[UndecidedAccount] = strawberry.field(
        description=f"The accounts that `unpriced` counts, with what is missing; at most {UNDECIDED_MAX}."
    )
    stale: int = strawberry.field(description="Accounts with a price or rate that is too old.")
    left_out: int = strawberry.field(
        description="Accounts that could not be read or valued. They are in no other number."
    )
    left_out_accounts: list[str] = strawberry.field(
        description=f"The numbers of these accounts, at most {UNDECIDED_MAX}; `unwatched` or the log of "
        "the desk says what is wrong with each."
    )
    calls_before: int = strawberry.field(description="Accounts with something to collect on a call now.")
    calls_after: int = strawberry.field(description="The same under the scenario.")
    new_calls: int = strawberry.field(description="Of these, accounts without an open margin call.")
    currency: str = strawberry.field(description="The reporting currency, of the totals.")
    by_currency: list[CurrencyCalls] = strawberry.field(description="By base currency of the accounts.")
    accounts: Connection[AccountCall] = strawberry.field(
        description="Accounts in call under the scenario, the most to collect first. A later page shows the "
        "same run, if it is asked of the same process soon, or else one of its own moment: see asOf."
    )
    total_before: Decimal = strawberry.field(
        description="To be collected now, in the reporting currency, as far as rates are known."
    )
    total_after: Decimal = strawberry.field(
        description="To be collected under the scenario, at its rates, in the same currency."
    )
    unconverted: list[str] = strawberry.field(
        description="Base currencies without a rate into the reporting currency. Their amounts are in "
        "byCurrency and not in the totals."
    )


async def what_if(context: ReadContext, asked: WhatIfInput) -> WhatIf | None:
    """None where the audience sees no such account."""
    if (asked.account_id is None) is (asked.case_id is None):
        raise ApiError(BAD_USER_INPUT, "Name either an account or a case.")
    scenario = asked.scenario.scenario()
    await check_scenario(context, scenario)
    loaded = await _book(context, asked)
    if loaded is None:
        return None
    desk = context.api.desk
    now, max_age = desk.clock(), desk.rules.max_price_age
    account, before = loaded.book, loaded.book.book
    after = shocked(before, scenario)
    figures = compute_figures(after, now, max_age)
    request = PlanRequest(policy=asked.policy, target=asked.target)
    made = plan(
        after, loaded.open_orders(desk, now, after), request, desk.rules.plans, now, desk.market_hours(now)
    )
    judgement = judge(after, figures, desk.rules.judgement)
    open_ = find_undecided(account, judgement, figures, now)
    return WhatIf(
        before=figures_of(compute_figures(before, now, max_age)),
        after=figures_of(figures),
        calls=sorted(due_calls(account, judgement, figures, now)),
        undecided_calls=list(open_.calls),
        undecided_reasons=reasons_of(open_.reasons),
        plan=(
            refused_preview(made, figures.amount, target=asked.target)
            if isinstance(made, Refusal)
            else preview_of(made, desk)
        ),
        account_id=account.account.account_id,
    )


async def book_what_if(
    context: ReadContext, asked: ScenarioInput, first: int, after: str | None
) -> BookWhatIf:
    """A page of the accounts, and the sums over all of them."""
    api, scenario = context.api, asked.scenario()
    pager: Pager[AccountEffect] = Pager(("bookWhatIf", repr(scenario)), "ds", api.page_size_max)
    request = pager.request(first, after)
    await check_scenario(context, scenario)
    question = Asked(
        scenario=scenario,
        audience=context.audience,
        rules=api.desk.rules.books,
        judgement=api.desk.rules.judgement,
        reporting_currency=api.reporting_currency,
        kept_max=api.what_if_accounts_max,
        accounts_per_chunk=api.what_if_chunk_accounts,
    )
    try:
        effect = await api.book_what_if(question, api.desk.clock(), again=after is not None)
    except BookWhatIfBusy as busy:
        raise ApiError(BOOK_BUSY, str(busy)) from None
    rest = _behind(effect.worst, request.after)

    async def count() -> int:
        return len(effect.worst)

    page = Page(rest[:first], len(rest) > first)
    accounts = pager.connection(page, request, _key, _account_of, count)
    return _book_of(effect, api.reporting_currency, accounts)


async def _book(context: ReadContext, asked: WhatIfInput) -> BookAndOrders | None:
    if asked.account_id is not None:
        return await context.loaders.books.load(AccountId(filter_id("Account", asked.account_id)))
    view = await context.loaders.cases.load(CaseId(filter_id("Case", asked.case_id or "")))
    return await context.loaders.books.load(view.case.account_id) if view else None


def _key(effect: AccountEffect) -> tuple[Decimal, str]:
    return effect.rank, effect.account.account_id


def _behind(worst: Sequence[AccountEffect], key: tuple[object, ...] | None) -> Sequence[AccountEffect]:
    """Sorted by falling rank, then by account."""
    if key is None:
        return worst
    rank, account_id = Decimal(str(key[0])), str(key[1])
    return [
        each
        for each in worst
        if each.rank < rank or (each.rank == rank and each.account.account_id > account_id)
    ]


def _book_of(effect: BookEffect, currency: Currency, accounts: Connection[AccountCall]) -> BookWhatIf:
    return BookWhatIf(
        as_of=effect.as_of,
        accounts_valued=effect.accounts,
        unpriced=effect.unpriced,
        undecided=[
            UndecidedAccount(
                calls=list(each.undecided.calls),
                reasons=reasons_of(each.undecided.reasons),
                account_id=each.account_id,
            )
            for each in effect.undecided
        ],
        stale=effect.stale,
        left_out=effect.left_out,
        left_out_accounts=list(effect.left_out_accounts),
        calls_before=sum(each.calls_before for each in effect.currencies),
        calls_after=effect.calls_after,
        new_calls=effect.new_calls,
        currency=currency,
        by_currency=[_currency_of(each) for each in effect.currencies],
        accounts=accounts,
        total_before=effect.total_before,
        total_after=effect.total_after,
        unconverted=list(effect.unconverted),
    )


def _currency_of(effect: CurrencyEffect) -> CurrencyCalls:
    return CurrencyCalls(
        currency=effect.currency,
        accounts=effect.accounts,
        calls_before=effect.calls_before,
        calls_after=effect.calls_after,
        amount_before=effect.amount_before,
        amount_after=effect.amount_after,
    )


def _account_of(effect: AccountEffect) -> AccountCall:
    return AccountCall(
        alerts=list(effect.alerts),
        has_open_case=effect.has_live_case,
        amount_before=effect.amount_before,
        amount_after=effect.amount_after,
        liquid_net_assets_after=effect.liquid_net_assets_after,
        maintenance_margin_after=effect.maintenance_margin_after,
        risk_level_after=effect.risk_level_after,
        stale=effect.stale,
        account_id=effect.account.account_id,
    )
