"""The account and client of a fact, on which filters and permissions are based."""

from dataclasses import dataclass

from domain.ids import AccountId, ClientId
from domain.margin import AccountType
from domain.money import Currency


@dataclass(frozen=True, slots=True)
class AccountReference:
    """An account with the numbers and names by which people know it."""

    account_id: AccountId
    account_no: str
    account_type: AccountType
    base_currency: Currency
    client_id: ClientId
    client_no: str
    client_name: str
