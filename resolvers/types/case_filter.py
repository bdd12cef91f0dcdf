"""The filter and the sort order of lists of cases."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import strawberry

from domain.case import LIVE, AlertType, CaseStatus
from domain.case_filter import CaseFilter as CaseSelection
from domain.case_filter import CaseOrder as CaseSort
from domain.case_filter import CaseOrderField
from domain.currencies import unknown_currencies
from domain.ids import ClientId, Symbol
from domain.margin import AccountType
from domain.market import FxRate
from domain.money import Currency
from domain.reporting import AmountAtLeast, reporting_rate
from models.book import load_fx_rates, rates_by_base
from resolvers.enums.sorting import OrderDirection
from resolvers.kit.errors import BAD_USER_INPUT, ApiError
from resolvers.kit.node import filter_id
from resolvers.kit.search import search_of, unique


@strawberry.input(
    description="Filter for cases. Omitted fields match everything, but without `status` and `closed` only "
    "live cases match."
)
class CaseFilter:
    """To domain.case_filter.CaseFilter."""

    status: list[CaseStatus] | None = strawberry.field(
        default=None,
        description="Cases with one of these statuses. Omitted: all live cases, unless `closed` is given.",
    )
    closed: bool | None = strawberry.field(
        default=None,
        description="True: closed cases, the history. False: live cases. With `status`, both have to match.",
    )
    alert_type: list[AlertType] | None = strawberry.field(
        default=None, description="Cases with one of these alert types."
    )
    account_type: list[AccountType] | None = strawberry.field(
        default=None, description="Cases of accounts of one of these types."
    )
    client_id: strawberry.ID | None = strawberry.field(
        default=None, description="Cases of this client, by global id."
    )
    account_no: str | None = strawberry.field(
        default=None, description="Cases of the account with this number."
    )
    search: str | None = strawberry.field(
        default=None,
        description="Part of the client number, account number, case number or, if you may see personal "
        "data, the client's name; at most 200 characters. Ignores case and width of letters.",
    )
    symbol: str | None = strawberry.field(
        default=None, description="Cases of accounts that hold this instrument, by symbol such as 700.HK."
    )
    amount_at_least: Decimal | None = strawberry.field(
        default=None,
        description="Cases with at least this amount to collect, in amountCurrency. A case in that "
        "currency is compared by its amount, any other by its reportingAmount. A case without a "
        "reportingAmount matches.",
    )
    amount_currency: str | None = strawberry.field(
        default=None,
        description="The currency of amountAtLeast, as an ISO 4217 code. Omitted: the reporting currency. "
        "Lists convert another currency at the current rate; subscriptions refuse it with BAD_USER_INPUT, "
        "because the rate changes while they last.",
    )
    overdue: bool | None = strawberry.field(
        default=None, description="True: live cases past their deadline. False: all other cases."
    )
    opened_after: datetime | None = strawberry.field(
        default=None, description="Cases opened after this time."
    )
    opened_before: datetime | None = strawberry.field(
        default=None, description="Cases opened before this time."
    )
    closed_after: datetime | None = strawberry.field(
        default=None, description="Cases closed after this time."
    )
    closed_before: datetime | None = strawberry.field(
        default=None, description="Cases closed before this time."
    )

    def selection(self, reporting: Currency, rates: Mapping[Currency, FxRate]) -> CaseSelection:
        """The filter for the database. An id of another type matches nothing; `rates` lead into the reporting
        currency.
        """
        return CaseSelection(
            status=self._statuses(),
            alert_type=unique(self.alert_type),
            account_type=unique(self.account_type),
            client_id=None if self.client_id is None else ClientId(filter_id("Client", self.client_id)),
            account_no=self.account_no,
            search=search_of(self.search),
            symbol=None if self.symbol is None else Symbol(self.symbol),
            amount_at_least=self._at_least(reporting, rates),
            overdue=self.overdue,
            opened_after=self.opened_after,
            opened_before=self.opened_before,
            closed_after=self.closed_after,
            closed_before=self.closed_before,
        )

    def converts(self, reporting: Currency) -> bool:
        """Whether it compares amounts in another than the reporting currency, at a rate that changes."""
        return self.amount_currency not in (None, reporting)

    def _at_least(self, reporting: Currency, rates: Mapping[Currency, FxRate]) -> AmountAtLeast | None:
        currency = reporting if self.amount_currency is None else Currency(self.amount_currency)
        if unknown_currencies([currency]):
            raise ApiError(BAD_USER_INPUT, f"amountCurrency {currency!r} is not an ISO 4217 currency code.")
        if self.amount_at_least is None:
            return None
        worth = reporting_rate(currency, reporting, rates).worth(self.amount_at_least)
        if worth is None:
            raise ApiError(
                BAD_USER_INPUT,
                f"The desk has no rate from {currency} into {reporting}: omit amountCurrency and state "
                f"amountAtLeast in {reporting}.",
            )
        return AmountAtLeast(self.amount_at_least, currency, worth)

    def _statuses(self) -> tuple[CaseStatus, ...] | None:
        chosen = unique(self.status)
        if self.closed is None:
            return chosen
        statuses = tuple(CaseStatus) if chosen is None else chosen
        return tuple(status for status in statuses if (status not in LIVE) is self.closed)


async def selected(filter: CaseFilter | None, reporting: Currency) -> CaseSelection:
    """The filter of a list, at the current rates."""
    if filter is None:
        return CaseSelection()
    rates = rates_by_base(await load_fx_rates()) if filter.converts(reporting) else {}
    return filter.selection(reporting, rates.get(reporting, {}))


@strawberry.input(description="The sort order of a list of cases.")
class CaseOrder:
    """To domain.case_filter.CaseOrder."""

    field: CaseOrderField = strawberry.field(
        default=CaseOrderField.OPENED_AT, description="The field to sort by."
    )
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="The direction of the sort."
    )

    def sort(self, reporting: Currency) -> CaseSort:
        """The order of the database and of cursors."""
        return CaseSort(self.field, self.direction is OrderDirection.DESC, reporting)
