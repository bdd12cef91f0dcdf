"""The root fields about the caller and the desk itself."""

from datetime import datetime, timedelta

import strawberry

from domain.message import Channel
from domain.principal import CAPABILITIES, Capability, Permission
from resolvers.kit.context import Info, RequestInfo, reader


@strawberry.type(description="The caller, with the permissions and scope of the token.")
class Viewer:
    """From domain.principal.Principal."""

    subject: str = strawberry.field(description="The subject of your token.")
    permissions: list[Permission] = strawberry.field(description="The permissions that your token grants.")
    capabilities: list[Capability] = strawberry.field(
        description="The single rights that these permissions grant together. Within them, the desk may "
        "still ask for the approval of a second person."
    )
    account_scope: list[str] | None = strawberry.field(
        description="The account numbers within your scope; null if your scope is every account."
    )
    token_expires_at: datetime | None = strawberry.field(
        description="The time at which your token expires and your subscriptions end. Always set."
    )


@strawberry.type(description="The most that one request or one person may ask of the desk.")
class DeskLimits:
    """From desk.context.DeskPolicy and the settings of the API."""

    page_size: int = strawberry.field(description="The most items of a page (`first` or `last`).")
    snapshot_rows: int = strawberry.field(
        description="The most rows with which a subscription with `snapshot: true` begins."
    )
    liquidate_cases: int = strawberry.field(description="The most cases of one liquidate.")
    legs: int = strawberry.field(description="The most legs that you may state for one case.")
    cancel_orders: int = strawberry.field(description="The most orders of one cancel.")
    recall_accounts: int = strawberry.field(description="The most accounts that one recallStock may concern.")
    approval_requests: int = strawberry.field(
        description="The most requests of one approve, decline or withdraw."
    )


@strawberry.type(description="The desk: its clock, its version and its limits, for clients that show them.")
class Desk:
    """From the settings."""

    now: datetime = strawberry.field(
        description="The time by the clock of the desk. Count down to deadlines by this clock, since the "
        "clock of a client may be wrong."
    )
    version: str = strawberry.field(description="The version of the desk, such as 1.2.0.")
    reporting_currency: str = strawberry.field(
        description="The currency of totals over accounts, as an ISO 4217 code."
    )
    max_price_age_s: int = strawberry.field(
        description="The age in seconds, rounded up, from which a price or a rate is stale."
    )
    claim_minutes: int = strawberry.field(description="The minutes for which a claim on a case holds.")
    channels: list[Channel] = strawberry.field(
        description="The channels through which the desk can send messages to clients."
    )
    limits: DeskLimits = strawberry.field(description="The most that one request may ask for.")


@strawberry.type
class DeskQueries:
    """The root fields about the caller and the desk itself."""

    @strawberry.field(description="The caller, with the permissions and scope of the token.")
    async def viewer(self, info: RequestInfo) -> Viewer:
        """Read from the token."""
        principal = info.context.principal
        scope, granted = principal.audience.account_scope, principal.audience.permissions
        may = frozenset[Capability]().union(*(CAPABILITIES[each] for each in granted))
        return Viewer(
            subject=principal.subject,
            permissions=sorted(granted),
            capabilities=[each for each in Capability if each in may],
            account_scope=None if scope is None else sorted(scope),
            token_expires_at=principal.token_expires_at,
        )

    @strawberry.field(description="The desk: its clock, its version and its limits.")
    async def desk(self, info: Info) -> Desk:
        """The same for every caller."""
        api = reader(info).api
        policy = api.desk.policy
        return Desk(
            now=api.desk.clock(),
            version=api.version,
            reporting_currency=api.reporting_currency,
            max_price_age_s=-(-policy.max_price_age // timedelta(seconds=1)),
            claim_minutes=policy.cases.claim_lasts // timedelta(minutes=1),
            channels=[each for each in Channel if each in policy.messages.channels],
            limits=DeskLimits(
                page_size=api.page_size_max,
                snapshot_rows=api.snapshot_max,
                liquidate_cases=policy.max_cases_per_batch,
                legs=api.legs_max,
                cancel_orders=policy.max_orders_per_batch,
                recall_accounts=policy.recall_max_accounts,
                approval_requests=policy.max_approvals_per_batch,
            ),
        )
