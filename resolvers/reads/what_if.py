"""What-if queries: an account, or the whole book, under shocked prices and FX rates."""

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
    BookWhatIfRequest,
    CurrencyEffect,
)
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
    description="A change of prices. Name symbols, a market or a kind; without any of them it applies to "
    "every instrument. If several shocks concern an instrument, only the most specific applies: first by "
    "symbol, then by market, then by kind, last the one for every instrument. An unknown name is refused "
    "with BAD_USER_INPUT."
)
class PriceShockInput:
    """To domain.what_if.Scenario."""

    factor: Decimal = strawberry.field(
        description="The relative change, a fraction above -1: -0.30 lowers every price by 30 percent."
    )
    symbols: list[str] | None = strawberry.field(
        default=None,
        description="The symbols of the instruments to shock. Not allowed together with market or kind.",
    )
    market: str | None = strawberry.field(
        default=None,
        description="The market whose instruments are shocked, such as XHKG. Not allowed together with "
        "symbols or kind.",
    )
    kind: InstrumentKind | None = strawberry.field(
        default=None,
        description="The kind of instruments to shock. Not allowed together with symbols or market.",
    )


@strawberry.input(description="A change of a currency's rate into all other currencies.")
class CurrencyShockInput:
    """To domain.what_if.Scenario."""

    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")
    factor: Decimal = strawberry.field(
        description="The relative change, a fraction above -1: 0.05 raises the currency by 5 percent."
    )


@strawberry.input(description="A scenario of changed prices and FX rates. Positions stay as they are.")
class ScenarioInput:
    """To domain.what_if.Scenario."""

    prices: list[PriceShockInput] = strawberry.field(
        default_factory=list,
        description="The price shocks, no two for the same target. A scenario may "
        "have at most 200 shocks of prices and currencies together; each symbol of a price shock "
        "counts as one.",
    )
    currencies: list[CurrencyShockInput] = strawberry.field(
        default_factory=list,
        description="The currency shocks, each currency once. They count for the limit of 200 shocks too.",
    )

    def scenario(self) -> Scenario:
        """The scenario for the domain; raises ApiError for invalid input."""
        named = [shock for each in self.prices for shock in _named(each)]
        rates = [(Currency(each.currency), each.factor) for each in self.currencies]
        shocks = [*named, *(("currency", *rate) for rate in rates)]
        if len(shocks) > SHOCKS_MAX:
            raise ApiError(BAD_USER_INPUT, f"A scenario may have at most {SHOCKS_MAX} shocks.")
        if len({(about, key) for about, key, _ in shocks}) != len(shocks):
            raise ApiError(BAD_USER_INPUT, "A scenario may have only one shock for the same target.")
        if any(factor <= -ONE for _, _, factor in shocks):
            raise ApiError(BAD_USER_INPUT, "The factor of a shock must be a fraction above -1.")
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
        raise ApiError(
            BAD_USER_INPUT, "A price shock must name symbols, or a market, or a kind, not several of these."
        )
    if shock.symbols is not None:
        return [("symbol", symbol, shock.factor) for symbol in shock.symbols]
    if shock.market is not None:
        return [("market", shock.market, shock.factor)]
    if shock.kind is not None:
        return [("kind", shock.kind.value, shock.factor)]
    return [("everything", "", shock.factor)]


@strawberry.input(description="A scenario for one account. Give either accountId or caseId.")
class WhatIfInput:
    """Takes one of account_id and case_id."""

    scenario: ScenarioInput = strawberry.field(description="The scenario to apply.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account, by global id. Not allowed together with caseId."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=None, description="A case of the account, by global id. Not allowed together with accountId."
    )
    policy: LiquidationPolicy = strawberry.field(
        default=LiquidationPolicy.MIN_TURNOVER, description="The order in which the plan selects positions."
    )
    target: LiquidationTarget = strawberry.field(
        default=LiquidationTarget.MARGIN_CALL, description="The level up to which the plan sells."
    )


@strawberry.type(
    description="An account as it is now and as it would be under a scenario. Nothing is stored."
)
class WhatIf:
    """From domain.what_if."""

    before: MarginFigures = strawberry.field(description="The margin figures at the last prices.")
    after: MarginFigures = strawberry.field(
        description="The margin figures at the prices and rates of the scenario."
    )
    calls: list[AlertType] = strawberry.field(
        description="The alert types of margin calls that the figures under the scenario demand and no "
        "exemption suppresses."
    )
    undecided_calls: list[AlertType] = strawberry.field(description=undecided.CALLS)
    undecided_reasons: list[UndecidedReason] = strawberry.field(description=undecided.REASONS)
    plan: LiquidationPreview = strawberry.field(
        description="The liquidation plan at the prices of the scenario, which counts on the account's "
        "open orders."
    )
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account of the figures.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="Sums over the accounts of one base currency, in that currency.")
class CurrencyCalls:
    """From desk.monitoring.book_what_if.CurrencyEffect."""

    currency: str = strawberry.field(description="The base currency, as an ISO 4217 code.")
    accounts: int = strawberry.field(description="The number of accounts with this base currency.")
    calls_before: int = strawberry.field(description="The number of accounts with an amount to collect now.")
    calls_after: int = strawberry.field(
        description="The number of accounts with an amount to collect under the scenario."
    )
    amount_before: Decimal = strawberry.field(description="The total amount to collect now.")
    amount_after: Decimal = strawberry.field(description="The total amount to collect under the scenario.")


@strawberry.type(
    description="An account with an amount to collect under a scenario. Amounts are in its base currency."
)
class AccountCall:
    """From desk.monitoring.book_what_if.AccountEffect."""

    alerts: list[AlertType] = strawberry.field(
        description="The alert types of the margin calls that would be due; empty if none would, but an "
        "open case still has an amount to collect."
    )
    has_open_case: bool = strawberry.field(
        description="Whether a margin call for money of the account is already open."
    )
    amount_before: Decimal = strawberry.field(description="The amount to collect at the last prices.")
    amount_after: Decimal = strawberry.field(description="The amount to collect under the scenario.")
    liquid_net_assets_after: Decimal = strawberry.field(description="Liquid net assets under the scenario.")
    maintenance_margin_after: Decimal = strawberry.field(
        description="The maintenance margin under the scenario."
    )
    risk_level_after: RiskLevel = strawberry.field(description="The risk level under the scenario.")
    stale: bool = strawberry.field(description="Whether a price or FX rate behind these figures is too old.")
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account with this amount to collect.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(description="An account for which the desk cannot decide whether it would be called.")
class UndecidedAccount:
    """From desk.monitoring.book_what_if.UndecidedEffect."""

    calls: list[AlertType] = strawberry.field(
        description="The alert types of margin calls that may be due, depending on the missing data."
    )
    reasons: list[UndecidedReason] = strawberry.field(
        description="The missing data on which the decision depends."
    )
    account_id: strawberry.Private[AccountId]

    @strawberry.field(description="The account for which the desk cannot decide.")
    async def account(self, info: Info) -> Account:
        """Batched."""
        return await load_account(info, self.account_id)


@strawberry.type(
    description="All accounts within your scope under a scenario, at one moment. Nothing is stored."
)
class BookWhatIf:
    """From desk.monitoring.book_what_if.BookEffect."""

    as_of: datetime = strawberry.field(
        description="The time as of which prices, positions and FX rates were read."
    )
    accounts_valued: int = strawberry.field(description="The number of accounts that were valued.")
    unpriced: int = strawberry.field(
        description="The number of accounts for which the desk cannot decide whether they would be called, "
        "because a price, an FX rate or a statement is missing. `undecided` names them."
    )
    undecided: list[UndecidedAccount] = strawberry.field(
        description=f"The accounts that `unpriced` counts, with the missing data; at most {UNDECIDED_MAX}."
    )
    stale: int = strawberry.field(
        description="The number of accounts with a price or FX rate that is too old."
    )
    left_out: int = strawberry.field(
        description="The number of accounts that the desk could not read or value. No other number "
        "includes them."
    )
    left_out_accounts: list[str] = strawberry.field(
        description="The numbers of the accounts that the desk could not read or value, at most "
        f"{UNDECIDED_MAX}. `unwatched` or the log of the desk shows the cause."
    )
    calls_before: int = strawberry.field(description="The number of accounts with an amount to collect now.")
    calls_after: int = strawberry.field(
        description="The number of accounts with an amount to collect under the scenario."
    )
    new_calls: int = strawberry.field(
        description="The number of accounts in callsAfter that have no open margin call yet."
    )
    currency: str = strawberry.field(description="The reporting currency of the totals, as an ISO 4217 code.")
    by_currency: list[CurrencyCalls] = strawberry.field(description="Sums by base currency of the accounts.")
    accounts: Connection[AccountCall] = strawberry.field(
        description="Accounts with an amount to collect under the scenario, the largest amount first, "
        "those in a currency without an FX rate last. A later page may come from a new run at newer "
        "prices: then its asOf differs from that of the first page."
    )
    total_before: Decimal = strawberry.field(
        description="The total amount to collect now, in the reporting currency, as far as FX rates are "
        "known."
    )
    total_after: Decimal = strawberry.field(
        description="The total amount to collect under the scenario, in the reporting currency at the rates "
        "of the scenario."
    )
    unconverted: list[str] = strawberry.field(
        description="Base currencies without an FX rate into the reporting currency, as ISO 4217 codes. "
        "Their amounts are in byCurrency, but not in the totals."
    )


async def what_if(context: ReadContext, asked: WhatIfInput) -> WhatIf | None:
    """None if no such account exists within the caller's scope."""
    if (asked.account_id is None) is (asked.case_id is None):
        raise ApiError(BAD_USER_INPUT, "Give either accountId or caseId.")
    scenario = asked.scenario.scenario()
    await check_scenario(context, scenario)
    loaded = await _book(context, asked)
    if loaded is None:
        return None
    desk = context.api.desk
    now, max_age = desk.clock(), desk.policy.max_price_age
    account, before = loaded.book, loaded.book.book
    after = shocked(before, scenario)
    figures = compute_figures(after, now, max_age)
    request = PlanRequest(policy=asked.policy, target=asked.target)
    made = plan(
        after, loaded.open_orders(desk, now, after), request, desk.policy.plans, now, desk.market_hours(now)
    )
    judgement = judge(after, figures, desk.policy.judgement)
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
    whole = BookWhatIfRequest(
        scenario=scenario,
        audience=context.audience,
        policy=api.desk.policy.books,
        judgement=api.desk.policy.judgement,
        reporting_currency=api.reporting_currency,
        kept_max=api.what_if_accounts_max,
        accounts_per_chunk=api.what_if_chunk_accounts,
    )
    try:
        effect = await api.book_what_if(whole, api.desk.clock(), again=after is not None)
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
    """The cursor key: sorted by descending rank, then by account."""
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
