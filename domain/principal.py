"""Who asks, and what they may see and do. Every list and load function takes an `Audience` first."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Permission(StrEnum):
    """What a token may grant; the reference product's RiskWarningFull and RiskWarningReadOnly come first."""

    RISK_WARNING_READ_ONLY = "RISK_WARNING_READ_ONLY"
    RISK_WARNING_FULL = "RISK_WARNING_FULL"
    RISK_APPROVER = "RISK_APPROVER"
    RISK_SETTING_FULL = "RISK_SETTING_FULL"
    AUDITOR = "AUDITOR"
    SERVICE = "SERVICE"


_MAY_ACT = frozenset({Permission.RISK_WARNING_FULL})


@dataclass(frozen=True, slots=True)
class Audience:
    """What may be seen: permissions and the account numbers in scope. Two principals may share one."""

    permissions: frozenset[Permission]
    account_scope: frozenset[str] | None
    """Account numbers; None means every account."""

    @property
    def may_see(self) -> bool:
        """Every permission of the desk includes reading."""
        return bool(self.permissions)

    @property
    def may_act(self) -> bool:
        """Liquidate and cancel."""
        return bool(self.permissions & _MAY_ACT)

    def covers(self, account_no: str) -> bool:
        """Whether the account is in scope."""
        return self.may_see and (self.account_scope is None or account_no in self.account_scope)


EVERYTHING = Audience(frozenset({Permission.SERVICE}), None)
"""The desk's own workers."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    subject: str
    audience: Audience
    token_issued_at: datetime
    token_expires_at: datetime


SYSTEM = "system"
"""The actor of what the desk does by itself."""
