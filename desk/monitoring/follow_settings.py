"""Find the accounts that the monitor must assess again because risk settings changed.

A change takes effect when it is approved, in any process, or when its time comes: both are found by querying
the newest version at intervals. Decisions do not depend on this; they read the rules in their own
transaction.
"""

from datetime import datetime

from desk.context import DeskContext
from domain.exemption import Exemption, ExemptionScope
from domain.ids import AccountId
from domain.margin import AccountType
from domain.risk_settings import RiskPolicy
from models.book import load_all_account_ids
from models.holding import account_id_of
from models.risk_setting import latest_id
from models.setting_reach import (
    accounts_concerned,
    accounts_of_group,
    accounts_of_types,
    factor_subjects_changed,
    number_of,
)


class SettingsFollower:
    """Remembers what it reported last. The first time it only remembers."""

    def __init__(self, desk: DeskContext) -> None:
        self._desk = desk
        self._seen_at: datetime | None = None
        self._number = 0
        self._policy: RiskPolicy | None = None

    async def affected(self) -> set[AccountId]:
        """Accounts whose figures or calls may differ from the last time."""
        now, latest = self._desk.clock(), await latest_id()
        policy = await self._desk.policy.books.settings.as_of(latest, now)
        accounts: set[AccountId] = set()
        if policy is not self._policy:
            number = await number_of(latest)
            if self._policy is not None and self._seen_at is not None:
                accounts = await _affected_by_policy(self._policy, policy)
                accounts |= await _affected_by_factors(self._number, self._seen_at, now)
            self._policy, self._number = policy, number
        self._seen_at = now
        return accounts


async def _affected_by_factors(after_number: int, since: datetime, now: datetime) -> set[AccountId]:
    accounts: set[AccountId] = set()
    for kind, subject in await factor_subjects_changed(after_number, since, now):
        accounts.update(await accounts_concerned(kind, subject))
    return accounts


async def _affected_by_policy(before: RiskPolicy, after: RiskPolicy) -> set[AccountId]:
    changed_types = [
        account_type
        for account_type in AccountType
        if before.amount_rules[account_type] != after.amount_rules[account_type]
    ]
    accounts = set(await accounts_of_types(changed_types)) if changed_types else set()
    if before.trading_limit_expiry != after.trading_limit_expiry:
        return set(await load_all_account_ids())
    for _, exemption in set(before.exemptions) ^ set(after.exemptions):
        accounts.update(await _accounts_of(exemption))
    return accounts


async def _accounts_of(exemption: Exemption) -> list[AccountId]:
    match exemption.scope:
        case ExemptionScope.GLOBAL:
            return await load_all_account_ids()
        case ExemptionScope.CLIENT_GROUP:
            return await accounts_of_group(exemption.target or "")
        case ExemptionScope.ACCOUNT:
            account_id = await account_id_of(exemption.target or "")
            return [] if account_id is None else [account_id]
