"""The what-if query of the whole book: which accounts would have an amount to collect under a scenario."""

from datetime import datetime
from decimal import Decimal

import strawberry

from desk.monitoring.book_what_if import (
    UNDECIDED_MAX,
    AccountEffect,
    BookEffect,
    BookWhatIfBusy,
    BookWhatIfRequest,
    CurrencyEffect,
)
from domain.case import AlertType
from domain.ids import AccountId
from domain.margin import RiskLevel
from domain.money import Currency
from models.sql.where import Key, Page, PageRequest, page_of
from resolvers.kit.arguments import PageArguments
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.errors import BOOK_BUSY, ApiError
from resolvers.kit.known_names import check_scenario
from resolvers.kit.pagination import Connection, Pager
from resolvers.reads.scenario_input import ScenarioInput
from resolvers.types.client import Account, load_account
from resolvers.types.undecided import UndecidedReason, reasons_of


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


async def book_what_if(context: ReadContext, asked: ScenarioInput, which: PageArguments) -> BookWhatIf:
    """A page of the accounts, and the sums over all of them."""
    api, scenario = context.api, asked.scenario()
    pager: Pager[AccountEffect] = Pager(("bookWhatIf", repr(scenario)), "ds", api.page_size_max)
    request = pager.request(which)
    await check_scenario(scenario)
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
        effect = await api.book_what_if(whole, api.desk.clock(), again=not request.is_first)
    except BookWhatIfBusy as busy:
        raise ApiError(BOOK_BUSY, str(busy)) from None

    async def load(at: PageRequest) -> Page[AccountEffect]:
        return page_of(effect.worst, at, _key, _place)

    async def count() -> int:
        return len(effect.worst)

    accounts = await pager.connection(request, load, _key, _account_of, count)
    return _book_of(effect, api.reporting_currency, accounts)


def _key(effect: AccountEffect) -> tuple[Decimal, str]:
    return effect.rank, effect.account.account_id


def _place(key: Key) -> Key:
    """Sorted by descending rank, then by account."""
    rank, account_id = key
    return -rank, account_id


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
