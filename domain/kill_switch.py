"""The kill switch: while it is on, no order leaves, for the whole desk, for a client or for an account."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.events import AccountReference
from domain.ids import AccountId, ClientId, KillSwitchId
from domain.refusals import Refusal, RefusalCode


class KillSwitchScope(StrEnum):
    """What is frozen."""

    DESK = "DESK"
    CLIENT = "CLIENT"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a switch is about: everything, or one client, or one account."""

    scope: KillSwitchScope
    subject: str = ""
    """The id of the client or account; empty for the desk."""

    def __post_init__(self) -> None:
        if (self.scope is KillSwitchScope.DESK) is not (self.subject == ""):
            raise ValueError("the desk has no id, a client and an account have one")

    @property
    def account_id(self) -> AccountId | None:
        """If it is about an account."""
        return AccountId(self.subject) if self.scope is KillSwitchScope.ACCOUNT else None

    @property
    def client_id(self) -> ClientId | None:
        """If it is about a client."""
        return ClientId(self.subject) if self.scope is KillSwitchScope.CLIENT else None

    def covers(self, account: AccountReference) -> bool:
        """Whether orders of this account may not leave."""
        return self.subject in ("", account.account_id, account.client_id)


EVERYTHING_FROZEN = Frozen(KillSwitchScope.DESK)


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """One time that a switch was on; `ended_at` None: it is on."""

    id: KillSwitchId
    frozen: Frozen
    set_by: str
    reason: str
    since: datetime
    ended_at: datetime | None = None
    ended_by: tuple[str, ...] = ()
    """The two who switched it off, who asked first."""

    @property
    def on(self) -> bool:
        """It is on."""
        return self.ended_at is None


def refusal_of(switch: KillSwitch) -> Refusal:
    """What whoever wants to sell is told."""
    what = {KillSwitchScope.DESK: "whole desk"}.get(switch.frozen.scope, switch.frozen.scope.lower())
    since = f"{switch.since:%Y-%m-%d %H:%M}"
    when = f"is on since {since}" if switch.ended_at is None else f"was on {since} to {switch.ended_at:%H:%M}"
    return Refusal(RefusalCode.FROZEN, f"The kill switch of the {what} {when} UTC: {switch.reason}")
