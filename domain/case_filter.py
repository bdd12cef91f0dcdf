"""Which cases a list or a live feed selects, and the order of a list: the definition.

`models/case_list.py` states the same in SQL; `tests/integration/test_case_filter.py` compares both, field by
field.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.case import LIVE, AlertType, Case, CaseStatus
from domain.events import AccountReference, CaseView
from domain.ids import ClientId, Symbol
from domain.margin import AccountType
from domain.money import Currency
from domain.principal import Audience, Capability
from domain.reporting import AmountAtLeast, Worth
from domain.text import search_form


class CaseOrderField(StrEnum):
    """The field by which a list of cases is sorted; the id breaks ties."""

    OPENED_AT = "opened_at"
    DEADLINE = "deadline"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Filter for cases; None matches any. `status` None: every case that is not closed."""

    status: tuple[CaseStatus, ...] | None = None
    alert_type: tuple[AlertType, ...] | None = None
    account_type: tuple[AccountType, ...] | None = None
    client_id: ClientId | None = None
    account_no: str | None = None
    search: str | None = None
    symbol: Symbol | None = None
    amount_at_least: AmountAtLeast | None = None
    overdue: bool | None = None
    opened_after: datetime | None = None
    opened_before: datetime | None = None
    closed_after: datetime | None = None
    closed_before: datetime | None = None

    def selects(self, view: CaseView, audience: Audience, now: datetime) -> bool:
        """Whether the case is selected at `now`, for an audience that may see it."""
        case, currency = view.case, view.account.base_currency
        return self.selects_kind(view, audience) and self.selects_state(
            case.status, currency, case.figures.amount, case.worth, view.symbols, case.overdue(now)
        )

    def selects_kind(self, view: CaseView, audience: Audience) -> bool:
        """Whether the case matches by what does not change while it lives."""
        account, case = view.account, view.case
        return (
            (self.alert_type is None or case.alert_type in self.alert_type)
            and (self.account_type is None or account.account_type in self.account_type)
            and self.client_id in (None, account.client_id)
            and self.account_no in (None, account.account_no)
            and (self.opened_after is None or case.opened_at > self.opened_after)
            and (self.opened_before is None or case.opened_at < self.opened_before)
            and self._selects_end(case)
            and (
                self.search is None or contains(self.search, *searched_texts(account, audience), case.case_no)
            )
        )

    def selects_state(
        self,
        status: CaseStatus,
        currency: Currency,
        amount: Decimal | None,
        worth: Worth | None,
        symbols: tuple[Symbol, ...] | None,
        overdue: bool | None,
    ) -> bool:
        """Whether a case matches by what changes while it lives; unknown values match."""
        at_least = self.amount_at_least
        return (
            status in (LIVE if self.status is None else self.status)
            and (at_least is None or amount is None or at_least.allows(amount, currency, worth))
            and (self.symbol is None or symbols is None or self.symbol in symbols)
            and (self.overdue is None or overdue is None or overdue is self.overdue)
        )

    def _selects_end(self, case: Case) -> bool:
        if self.closed_after is None and self.closed_before is None:
            return True
        return (
            case.closed_at is not None
            and (self.closed_after is None or case.closed_at > self.closed_after)
            and (self.closed_before is None or case.closed_at < self.closed_before)
        )


def searched_texts(account: AccountReference, audience: Audience) -> tuple[str, ...]:
    """The searchable texts of the account: an audience that may not see names does not find by them
    either.
    """
    numbers = (account.client_no, account.account_no)
    return (account.client_name, *numbers) if audience.may(Capability.SEE_PERSONAL_DATA) else numbers


def contains(search: str | None, *texts: str) -> bool:
    """Whether one of the texts contains the searched one; None: nothing is searched."""
    return search is None or any(search_form(search) in search_form(text) for text in texts)


@dataclass(frozen=True, slots=True)
class CaseOrder:
    """The order of a list of cases; amounts are compared in the reporting currency."""

    field: CaseOrderField
    descending: bool
    reporting_currency: Currency

    def key(self, view: CaseView) -> tuple[object, ...]:
        """The values that stand for the case in a cursor, the id last.

        By AMOUNT, cases of unknown worth (True) come last, sorted by their amounts.
        """
        case = view.case
        match self.field:
            case CaseOrderField.OPENED_AT:
                return case.opened_at, case.id
            case CaseOrderField.DEADLINE:
                return case.deadline, case.id
        if case.worth is None or case.worth.currency != self.reporting_currency:
            return True, case.figures.amount, case.id
        return False, case.worth.amount, case.id
