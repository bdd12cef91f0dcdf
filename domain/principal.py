"""The caller, and what they may see and do. Every list and load function takes an `Audience` first.

A token grants permissions, which are roles; `CAPABILITIES` defines what each role may do. Code checks
capabilities and never roles, so the table is complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Permission(StrEnum):
    """The roles that a token may grant; the reference product's RiskWarningFull and RiskWarningReadOnly come
    first.
    """

    RISK_WARNING_READ_ONLY = "RISK_WARNING_READ_ONLY"
    RISK_WARNING_OPERATOR = "RISK_WARNING_OPERATOR"
    RISK_WARNING_FULL = "RISK_WARNING_FULL"
    RISK_APPROVER = "RISK_APPROVER"
    RISK_SETTING_FULL = "RISK_SETTING_FULL"
    AUDITOR = "AUDITOR"
    SERVICE = "SERVICE"


class Capability(StrEnum):
    """A single right."""

    READ = "READ"
    """Cases, clients, accounts, orders and quotes, with their events."""
    SEE_PERSONAL_DATA = "SEE_PERSONAL_DATA"
    """Name, phone number and e-mail address of a client; masked for others."""
    PREVIEW = "PREVIEW"
    """The effect of a liquidation or a shock. Changes nothing."""
    ANNOTATE = "ANNOTATE"
    """Remarks, follow-up records and claims."""
    SEND_MESSAGE = "SEND_MESSAGE"
    MARK_EXCEPTION = "MARK_EXCEPTION"
    """Mark and clear exceptions."""
    SET_AUTO_LIQUIDATION = "SET_AUTO_LIQUIDATION"
    ADJUST_DEADLINE = "ADJUST_DEADLINE"
    """Up to the limit alone, beyond it as the maker of a request."""
    CANCEL_ORDER = "CANCEL_ORDER"
    LIQUIDATE = "LIQUIDATE"
    """Up to the limits alone, beyond them as the maker of a request."""
    CLOSE_CASE = "CLOSE_CASE"
    """Request a write-off, or the voiding of a case."""
    HANDLE_STOCK = "HANDLE_STOCK"
    """Record recalls and allocations of borrowed stock."""
    READ_APPROVALS = "READ_APPROVALS"
    APPROVE_CASE_ACTION = "APPROVE_CASE_ACTION"
    """Liquidations above the limits, late deadlines, write-offs, voids."""
    READ_SETTINGS = "READ_SETTINGS"
    CHANGE_SETTINGS = "CHANGE_SETTINGS"
    """As the maker of a request: switches, rules, exemptions, factors, limits."""
    APPROVE_SETTINGS = "APPROVE_SETTINGS"
    FREEZE = "FREEZE"
    """Switch a kill switch on."""
    UNFREEZE_AS_APPROVER = "UNFREEZE_AS_APPROVER"
    UNFREEZE_AS_RISK_ADMIN = "UNFREEZE_AS_RISK_ADMIN"
    """Switching it off requires both capabilities, in two different persons."""
    EXPORT_RECORDS = "EXPORT_RECORDS"
    """Audit trail, snapshots, daily margin record, reports."""
    SET_MARKET_DAY = "SET_MARKET_DAY"
    """Override a day on which a market does not trade as its calendar says."""
    ACCEPT_INCOMPLETE = "ACCEPT_INCOMPLETE"
    """Let the desk judge an account although some statements about it could not be stored."""
    MANAGE_WEBHOOKS = "MANAGE_WEBHOOKS"
    """Register endpoints for the alert feed."""


_P, _C = Permission, Capability
_LOOK = frozenset({_C.READ, _C.PREVIEW})
_OPERATE = _LOOK | {
    _C.SEE_PERSONAL_DATA,
    _C.ANNOTATE,
    _C.SEND_MESSAGE,
    _C.MARK_EXCEPTION,
    _C.SET_AUTO_LIQUIDATION,
    _C.ADJUST_DEADLINE,
    _C.CANCEL_ORDER,
    _C.HANDLE_STOCK,
    _C.READ_APPROVALS,
    _C.FREEZE,
}

CAPABILITIES: Mapping[Permission, frozenset[Capability]] = {
    _P.RISK_WARNING_READ_ONLY: _LOOK,
    _P.RISK_WARNING_OPERATOR: _OPERATE,
    _P.RISK_WARNING_FULL: _OPERATE | {_C.LIQUIDATE, _C.CLOSE_CASE, _C.SET_MARKET_DAY, _C.ACCEPT_INCOMPLETE},
    _P.RISK_APPROVER: _LOOK
    | {
        _C.SEE_PERSONAL_DATA,
        _C.CANCEL_ORDER,
        _C.READ_APPROVALS,
        _C.APPROVE_CASE_ACTION,
        _C.READ_SETTINGS,
        _C.APPROVE_SETTINGS,
        _C.FREEZE,
        _C.UNFREEZE_AS_APPROVER,
        _C.EXPORT_RECORDS,
    },
    _P.RISK_SETTING_FULL: _LOOK
    | {
        _C.READ_APPROVALS,
        _C.READ_SETTINGS,
        _C.CHANGE_SETTINGS,
        _C.FREEZE,
        _C.UNFREEZE_AS_RISK_ADMIN,
        _C.EXPORT_RECORDS,
        _C.SET_MARKET_DAY,
        _C.MANAGE_WEBHOOKS,
    },
    _P.AUDITOR: frozenset(
        {_C.READ, _C.SEE_PERSONAL_DATA, _C.READ_APPROVALS, _C.READ_SETTINGS, _C.EXPORT_RECORDS}
    ),
    _P.SERVICE: _LOOK | {_C.SEND_MESSAGE, _C.FREEZE, _C.MANAGE_WEBHOOKS},
}
"""The capabilities of each role."""

LOGGED_READERS = frozenset({_P.AUDITOR})
"""Roles whose reads of personal data are recorded in the audit."""

MASKED = "***"
"""Replaces personal data that the audience may not see."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The visible data: permissions and the account numbers in scope. Several principals may share one
    audience.
    """

    permissions: frozenset[Permission]
    account_scope: frozenset[str] | None
    """Account numbers; None: every account."""

    def may(self, *needed: Capability) -> bool:
        """Whether some permission grants one of these capabilities."""
        # A loop, because a feed asks this for each event and group: a generator takes three times as long.
        for granted in self.permissions:
            if not CAPABILITIES[granted].isdisjoint(needed):
                return True
        return False

    @property
    def may_see(self) -> bool:
        """Whether it may read at all: every permission of the desk includes reading."""
        return self.may(Capability.READ)

    def covers(self, account_no: str) -> bool:
        """Whether the account is in scope."""
        return self.may_see and (self.account_scope is None or account_no in self.account_scope)

    @property
    def reads_are_kept(self) -> bool:
        """Whether reads of personal data are recorded in the audit."""
        return not self.permissions.isdisjoint(LOGGED_READERS)

    @property
    def sees_every_account(self) -> bool:
        """Whether the scope is unlimited, which matters of the whole desk require."""
        return self.may_see and self.account_scope is None


EVERYTHING = Audience(frozenset({Permission.SERVICE}), None)
"""The audience of the desk's own workers. What they send to a client is limited to that client's audience."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    subject: str
    audience: Audience
    token_issued_at: datetime
    token_expires_at: datetime
    request_id: str | None = None
    """The id of the request or socket, as in the log and the audit."""


SYSTEM = "system"
"""The actor of automatic actions of the desk."""


def is_the_desk(name: str) -> bool:
    """Whether the audit uses the name for the desk itself or a part of it; no caller may have it."""
    return name in (SYSTEM, "desk") or name.startswith("desk:")
