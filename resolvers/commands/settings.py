"""Risk settings: those in force, their history, and the request for a change."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from desk.four_eyes.change_setting import ChangeSetting, change_setting
from desk.outcomes import Done, approval_id_of
from domain.ids import ApprovalId
from domain.margin import AccountType
from domain.principal import Capability
from domain.refusals import RefusalCode
from domain.risk_settings import (
    FACTOR_KINDS,
    ForceType,
    RiskPolicy,
    SettingId,
    SettingKind,
    SettingVersion,
    TradeType,
    switch_subject,
    value_in_force,
)
from models.risk_setting import SettingFilter, count_settings, page_settings, settings_in_force
from resolvers.commands.setting_inputs import RiskSettingInput
from resolvers.kit.arguments import INPUT, After, Before, First, Last, PageArguments
from resolvers.kit.context import IF_IT_FAILS, Info, ReadContext, RequestInfo, reader
from resolvers.kit.errors import restored
from resolvers.kit.inputs import KEY, check_key, check_text
from resolvers.kit.node import Node, global_id
from resolvers.kit.pagination import Connection, Pager
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.refusal import OTHER_TYPE, AnyRefusal, RefusalDetails
from resolvers.types.setting_values import RiskSettingValue, value_of

_SINGLE = (SettingKind.COVERED_OPTION, SettingKind.APPROVAL_LIMITS, SettingKind.TRADING_LIMIT_EXPIRY)
_ALWAYS_THERE: tuple[tuple[SettingKind, str], ...] = (
    *((SettingKind.AMOUNT_RULE, account_type.value) for account_type in AccountType),
    *(
        (SettingKind.LIQUIDATION_SWITCH, switch_subject(trade_type, force_type))
        for trade_type in TradeType
        for force_type in ForceType
    ),
    *((kind, "") for kind in _SINGLE),
)
"""Settings with a default, which are in force before any version is approved."""


@strawberry.type(
    description="An approved version of a risk setting. It never changes; a newer version replaces it."
)
class RiskSetting(Node):
    """From domain.risk_settings.SettingVersion."""

    kind: SettingKind = strawberry.field(description="The kind of the setting.")
    value: RiskSettingValue = strawberry.field(description="The value of this version.")
    before: RiskSettingValue | None = strawberry.field(
        description="The value when the change was requested; null for a new exemption rule."
    )
    effective_at: datetime = strawberry.field(
        description="The time from which this version is in force, until a version with a later time "
        "replaces it."
    )
    requested_by: str = strawberry.field(description="The subject who requested the change.")
    requested_at: datetime = strawberry.field(description="The time of the request.")
    approved_by: str = strawberry.field(description="The second person who approved the change.")
    approved_at: datetime = strawberry.field(description="The time of the approval.")
    reason: str = strawberry.field(description="The reason that the requester gave.")


@strawberry.type(description="A risk setting with the value that is in force at a moment.")
class RiskSettingInForce:
    """A version, or a default."""

    kind: SettingKind = strawberry.field(description="The kind of the setting.")
    value: RiskSettingValue = strawberry.field(description="The value in force.")
    setting: RiskSetting | None = strawberry.field(
        description="The approved version that set the value; null if none did and the default applies."
    )


@strawberry.type(description="The risk settings in force at a moment.")
class RiskSettings:
    """From models.risk_setting."""

    at: datetime = strawberry.field(description="The moment for which the settings are shown.")
    settings: list[RiskSettingInForce] = strawberry.field(
        description="All settings except margin factors. Of exemptions, each rule's newest version that is "
        "in force, also if the rule is switched off or has ended: see enabled and until."
    )

    @strawberry.field(
        description="The margin factors that approved changes set and that are in force, newest approval "
        "first. Other factors come from the statements of the book of record: see Position.factors."
    )
    async def factors(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[RiskSetting]:
        """A keyset page."""
        selection = SettingFilter(kinds=FACTOR_KINDS, in_force_at=self.at)
        return await _page(
            reader(info, Capability.READ_SETTINGS), selection, PageArguments(first, after, last, before)
        )


@strawberry.input(description="The requested change of one risk setting.")
class RequestSettingChangeInput:
    """To desk.four_eyes.change_setting.ChangeSetting."""

    idempotency_key: str = strawberry.field(description=KEY)
    setting: RiskSettingInput = strawberry.field(description="The new value of the setting.")
    effective_at: datetime | None = strawberry.field(
        default=None,
        description="The time from which the change is in force. Omitted, or before the approval: from the "
        "approval.",
    )
    reason: str = strawberry.field(
        description="The reason, 1 to 1000 characters, shown to the checker and kept in the history."
    )


@strawberry.type(description="The change was requested and waits for a second person's approval.")
class SettingChangeRequested:
    """From desk.outcomes.AwaitingApproval."""

    approval_id: strawberry.Private[ApprovalId]

    @strawberry.field(description="The approval request, whose `changes` show the values before and after.")
    async def approval(self, info: Info) -> ApprovalRequest:
        """Batched."""
        return restored(await load_approval(info, self.approval_id))


@strawberry.type(description="The command was refused; no change was requested.")
class SettingChangeRefused(AnyRefusal):
    """From desk.outcomes.NotDone."""

    @strawberry.field(
        description="With APPROVAL_PENDING, the pending request for the same setting if you may see it; "
        "otherwise null.",
        deprecation_reason=OTHER_TYPE.format("approval"),
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched."""
        return await load_approval(info, self.details.approval_id)


SettingChangeResult = Annotated[
    SettingChangeRequested | SettingChangeRefused,
    strawberry.union("SettingChangeResult", description="The outcome of requestSettingChange."),
]


@strawberry.type(description="The payload of requestSettingChange.")
class RequestSettingChangePayload:
    """One result."""

    result: SettingChangeResult = strawberry.field(description="The outcome of the command.")


@strawberry.type
class SettingQueries:
    """Root fields that read risk settings."""

    @strawberry.field(
        description="The risk settings in force, with the persons who requested and approved them. "
        "Settings for accounts outside your scope are omitted. Requires RISK_APPROVER, RISK_SETTING_FULL "
        "or AUDITOR." + IF_IT_FAILS
    )
    async def settings(
        self,
        info: Info,
        at: Annotated[
            datetime | None,
            strawberry.argument(description="A moment in the past or future. Omitted: now."),
        ] = None,
    ) -> RiskSettings | None:
        """One statement."""
        context = reader(info, Capability.READ_SETTINGS)
        moment = at or context.api.desk.clock()
        versions = await settings_in_force(context.audience, moment)
        return RiskSettings(
            at=moment, settings=_in_force(context.api.desk.policy.books.settings.defaults, versions)
        )

    @strawberry.field(
        description="Every approved version of the risk settings, newest approval first. Requires "
        "RISK_APPROVER, RISK_SETTING_FULL or AUDITOR." + IF_IT_FAILS
    )
    async def setting_history(
        self,
        info: Info,
        kind: Annotated[
            SettingKind | None,
            strawberry.argument(description="Versions of this kind only. Omitted: all kinds."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RiskSetting] | None:
        """A keyset page."""
        context = reader(info, Capability.READ_SETTINGS)
        return await _page(
            context,
            SettingFilter(kinds=None if kind is None else (kind,)),
            PageArguments(first, after, last, before),
        )


@strawberry.type
class SettingMutations:
    """The root field that requests setting changes."""

    @strawberry.mutation(
        description="Request a change of a risk setting. After a second person's approval the change is in "
        "force in every process, from its effective time. Requires RISK_SETTING_FULL."
    )
    async def request_setting_change(
        self, info: RequestInfo, input: Annotated[RequestSettingChangeInput, INPUT]
    ) -> RequestSettingChangePayload:
        """The desk checks the permission and keeps the record."""
        check_key(input.idempotency_key)
        check_text("reason", input.reason, at_least=1)
        change = input.setting.requested()
        command = ChangeSetting(
            input.idempotency_key, change.kind, change.subject, change.value, input.effective_at, input.reason
        )
        outcome = await change_setting(info.context.api.desk, info.context.principal, command)
        assert not isinstance(outcome, Done), "a setting is never changed by one person"
        approval_id = approval_id_of(outcome)
        if outcome.code is RefusalCode.APPROVAL_REQUIRED and approval_id is not None:
            return RequestSettingChangePayload(result=SettingChangeRequested(approval_id=approval_id))
        details = RefusalDetails(approval_id=approval_id)
        return RequestSettingChangePayload(
            result=SettingChangeRefused(code=outcome.code, message=outcome.message, details=details)
        )


def setting_of(version: SettingVersion) -> RiskSetting:
    """The GraphQL object."""
    before = version.before
    return RiskSetting(
        id=global_id("RiskSetting", version.id),
        kind=version.kind,
        value=value_of(version.kind, version.subject, version.value),
        before=None if before is None else value_of(version.kind, version.subject, before),
        effective_at=version.effective_at,
        requested_by=version.requested_by,
        requested_at=version.requested_at,
        approved_by=version.approved_by,
        approved_at=version.approved_at,
        reason=version.reason,
    )


async def find_setting(context: ReadContext, id_: str) -> Node | None:
    """By its id, for callers who may read settings."""
    if not context.audience.may(Capability.READ_SETTINGS):
        return None
    version = await context.loaders.settings.load(SettingId(id_))
    return setting_of(version) if version else None


async def _page(
    context: ReadContext, selection: SettingFilter, asked: PageArguments
) -> Connection[RiskSetting]:
    pager: Pager[SettingVersion] = Pager(("settings", selection), "d", context.api.page_size_max)
    request = pager.request(asked)
    return await pager.connection(
        request,
        lambda at: page_settings(context.audience, selection, at),
        lambda version: (Decimal(version.number),),
        setting_of,
        lambda: count_settings(context.audience, selection),
    )


def _in_force(defaults: RiskPolicy, versions: list[SettingVersion]) -> list[RiskSettingInForce]:
    set_: Mapping[tuple[SettingKind, str], SettingVersion] = {
        (version.kind, version.subject): version for version in versions
    }
    names = [*_ALWAYS_THERE, *(name for name in set_ if name not in _ALWAYS_THERE)]
    return [_one_in_force(defaults, *name, set_.get(name)) for name in names]


def _one_in_force(
    defaults: RiskPolicy, kind: SettingKind, subject: str, version: SettingVersion | None
) -> RiskSettingInForce:
    value = version.value if version else value_in_force(defaults, kind, subject)
    assert value is not None, "only an exemption has no default"
    return RiskSettingInForce(
        kind=kind,
        value=value_of(kind, subject, value),
        setting=setting_of(version) if version else None,
    )
