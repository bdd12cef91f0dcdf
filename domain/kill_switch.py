"""The kill switch: while it is on, no order is sent, for the whole desk, a client or an account."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.account_reference import AccountReference
from domain.ids import AccountId, ClientId, KillSwitchId
from domain.refusals import Refusal, RefusalCode


class KillSwitchScope(StrEnum):
    """The scope of a kill switch."""

    DESK = "DESK"
    CLIENT = "CLIENT"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The scope of a switch: the whole desk, one client, or one account."""

    scope: KillSwitchScope
    subject: str = ""
    """The id of the client or account; empty for the desk."""

    def __post_init__(self) -> None:
        if (self.scope is KillSwitchScope.DESK) is not (self.subject == ""):
            raise ValueError("a kill switch of the desk has no id, one of a client or an account has one")

    @property
    def account_id(self) -> AccountId | None:
        """The account, if the switch is for an account."""
        return AccountId(self.subject) if self.scope is KillSwitchScope.ACCOUNT else None

    @property
    def client_id(self) -> ClientId | None:
        """The client, if the switch is for a client."""
        return ClientId(self.subject) if self.scope is KillSwitchScope.CLIENT else None

    def covers(self, account: AccountReference) -> bool:
        """Whether the switch stops orders of this account."""
        return self.subject in ("", account.account_id, account.client_id)


EVERYTHING_FROZEN = Frozen(KillSwitchScope.DESK)


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """One period in which a switch was on; `ended_at` None: it is still on."""

    id: KillSwitchId
    frozen: Frozen
    set_by: str
    reason: str
    since: datetime
    ended_at: datetime | None = None
    ended_by: tuple[str, ...] = ()
    """The two persons who switched it off, the maker first."""

    @property
    def on(self) -> bool:
        """Whether the switch is on."""
        return self.ended_at is None


def refusal_of(switch: KillSwitch) -> Refusal:
    """The refusal of an order or liquidation because of the switch."""
    what = {KillSwitchScope.DESK: "whole desk"}.get(switch.frozen.scope, switch.frozen.scope.lower())
    since = f"{switch.since:%Y-%m-%d %H:%M}"
    when = f"is on since {since}" if switch.ended_at is None else f"was on {since} to {switch.ended_at:%H:%M}"
    return Refusal(RefusalCode.FROZEN, f"The kill switch of the {what} {when} UTC: {switch.reason}")
