"""The risk settings: the possible values, and which of the approved versions are in force.

A setting is named by its kind and its subject (the account type of an amount rule, the symbol of factors).
Versions are only ever added. In force at a moment is, of the versions of a setting that are effective by
then, the one with the latest effective time; of two with the same time the one approved last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import NewType, TypeVar

from domain.case import AlertType
from domain.exemption import AccountFacts, Exemption, matches
from domain.margin import AccountType, AmountRule
from domain.market import MarginFactors

SettingId = NewType("SettingId", str)
V = TypeVar("V")

COEFFICIENT_MAX = Decimal(10)
FACTOR_MAX = Decimal(10)


class SettingKind(StrEnum):
    """The kind of a risk setting."""

    AMOUNT_RULE = "AMOUNT_RULE"
    LIQUIDATION_SWITCH = "LIQUIDATION_SWITCH"
    EXEMPTION = "EXEMPTION"
    INSTRUMENT_FACTORS = "INSTRUMENT_FACTORS"
    CLIENT_FACTORS = "CLIENT_FACTORS"
    COVERED_OPTION = "COVERED_OPTION"
    APPROVAL_LIMITS = "APPROVAL_LIMITS"
    TRADING_LIMIT_EXPIRY = "TRADING_LIMIT_EXPIRY"


FACTOR_KINDS = (SettingKind.INSTRUMENT_FACTORS, SettingKind.CLIENT_FACTORS)
"""There may be one for every instrument of every client: never all in memory, see models.book."""


class TradeType(StrEnum):
    """The accounts that a liquidation switch concerns; cash accounts count as MARGIN."""

    MARGIN = "MARGIN"
    INTRADAY = "INTRADAY"


class ForceType(StrEnum):
    """The initiator of a liquidation: a person, or the desk automatically."""

    MANUAL = "MANUAL"
    AUTOMATIC = "AUTOMATIC"


@dataclass(frozen=True, slots=True)
class LiquidationSwitch:
    """Whether one kind of liquidation is allowed."""

    on: bool


@dataclass(frozen=True, slots=True)
class FactorSetting:
    """The factors of an instrument, or of one client in it; None: the stated factors apply again."""

    factors: MarginFactors | None

    def __post_init__(self) -> None:
        if self.factors is not None and self.factors.initial > FACTOR_MAX:
            raise ValueError(f"factors must be fractions of at most {FACTOR_MAX}")


@dataclass(frozen=True, slots=True)
class CoveredOptionRule:
    """When stock is demanded for written calls whose underlying falls short."""

    enabled: bool = False
    trigger_time: time | None = None
    """Local time of the option's market; required if enabled."""
    skip_short: bool = False
    """Skip accounts that are short of the underlying itself."""

    def __post_init__(self) -> None:
        if self.enabled and self.trigger_time is None:
            raise ValueError("an enabled covered-option rule must have a trigger time")


@dataclass(frozen=True, slots=True)
class ApprovalLimits:
    """Limits above which a liquidation requires a second person; None: the limit of the process settings."""

    notional: Decimal | None = None
    """In the reporting currency."""
    cases: int | None = None

    def __post_init__(self) -> None:
        if (self.notional is not None and self.notional < 0) or (self.cases is not None and self.cases < 1):
            raise ValueError(
                "approval limits must be a notional of at least 0 and a number of cases of at least 1"
            )


@dataclass(frozen=True, slots=True)
class TradingLimitExpiry:
    """Whether a margin call ends the client's trading limit."""

    expires: bool = False


SettingValue = (
    AmountRule
    | LiquidationSwitch
    | Exemption
    | FactorSetting
    | CoveredOptionRule
    | ApprovalLimits
    | TradingLimitExpiry
)


@dataclass(frozen=True, slots=True)
class SettingVersion:
    """One approved change. `number` counts all of them, in the order of approval."""

    id: SettingId
    number: int
    kind: SettingKind
    subject: str
    value: SettingValue
    before: SettingValue | None
    """The value in force at the request; None for a new exemption."""
    effective_at: datetime
    requested_by: str
    requested_at: datetime
    approved_by: str
    approved_at: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.requested_by == self.approved_by:
            raise ValueError("a setting must be approved by a person other than its requester")


@dataclass(frozen=True, slots=True)
class UnreadableSetting:
    """A stored version that cannot be read. Fields that could be read are set; the others are None."""

    id: SettingId
    kind: SettingKind | None
    subject: str
    number: int
    effective_at: datetime | None
    account_id: str | None = None
    client_id: str | None = None

    def concerns(self, account_id: str, client_id: str, account_type: AccountType) -> bool:
        """Whether figures, calls or sales of the account may depend on it; True in doubt."""
        if self.account_id is not None:
            return self.account_id == account_id
        if self.client_id is not None:
            return self.client_id == client_id
        if self.kind is SettingKind.AMOUNT_RULE and self.subject in set(AccountType):
            return self.subject == account_type
        if self.kind is SettingKind.LIQUIDATION_SWITCH:
            return self.subject == switch_subject(trade_type_of(account_type), ForceType.AUTOMATIC)
        return True


def problem_of(value: SettingValue) -> str | None:
    """The fault of a value that its type accepts; None if it has none."""
    if isinstance(value, AmountRule) and not 0 < value.coefficient <= COEFFICIENT_MAX:
        return f"the coefficient must be above 0 and at most {COEFFICIENT_MAX}"
    return None


def switch_subject(trade_type: TradeType, force_type: ForceType) -> str:
    """The subject of a switch."""
    return f"{trade_type}:{force_type}"


def client_factor_subject(client_id: str, symbol: str) -> str:
    """The subject of one client's factors in an instrument."""
    return f"{client_id}:{symbol}"


def trade_type_of(account_type: AccountType) -> TradeType:
    """The trade type whose switch applies to the account."""
    return TradeType.INTRADAY if account_type is AccountType.INTRADAY else TradeType.MARGIN


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """The rules in force at a moment, except factors, which come with each book."""

    amount_rules: Mapping[AccountType, AmountRule] = field(
        default_factory=lambda: dict.fromkeys(AccountType, AmountRule())
    )
    switched_off: frozenset[str] = frozenset()
    """Subjects of switches that are off; all others are on."""
    exemptions: tuple[tuple[SettingId, Exemption], ...] = ()
    covered_options: CoveredOptionRule = CoveredOptionRule()
    approval_limits: ApprovalLimits = ApprovalLimits()
    trading_limit_expiry: TradingLimitExpiry = TradingLimitExpiry()
    unreadable: tuple[UnreadableSetting, ...] = ()
    """Unreadable versions that would be in force; an earlier version or the default applies instead."""

    def liquidation_on(self, account_type: AccountType, force_type: ForceType) -> bool:
        """Whether accounts of this type may be liquidated this way."""
        return switch_subject(trade_type_of(account_type), force_type) not in self.switched_off

    def exempting(self, alert_type: AlertType, facts: AccountFacts, now: datetime) -> SettingId | None:
        """The oldest rule (ids grow with time) that exempts the account from this call."""
        matching = (id_ for id_, rule in self.exemptions if matches(rule, alert_type, facts, now))
        return next(matching, None)


def in_force(versions: Iterable[SettingVersion], now: datetime) -> list[SettingVersion]:
    """The version in force of each setting, sorted by kind and subject."""
    newest: dict[tuple[SettingKind, str], SettingVersion] = {}
    for version in sorted(versions, key=lambda version: (version.effective_at, version.number)):
        if version.effective_at <= now:
            newest[version.kind, version.subject] = version
    return [newest[key] for key in sorted(newest)]


def moments(versions: Iterable[SettingVersion]) -> set[datetime]:
    """Moments at which the rules change by themselves: a version takes effect, or an exemption ends."""
    times = set()
    for version in versions:
        times.add(version.effective_at)
        if isinstance(version.value, Exemption) and version.value.until is not None:
            times.add(version.value.until)
    return times


def next_change(versions: Iterable[SettingVersion], now: datetime) -> datetime | None:
    """The next of these moments."""
    return min((at for at in moments(versions) if at > now), default=None)


def doubtful(
    unreadable: Iterable[UnreadableSetting], versions: Sequence[SettingVersion], now: datetime
) -> tuple[UnreadableSetting, ...]:
    """Unreadable versions that would be in force: no later version of the setting is."""
    of_unknown_time, effective = [], list[UnreadableSetting]()
    for each in unreadable:
        if each.effective_at is None or each.kind is None:
            of_unknown_time.append(each)
        elif each.effective_at <= now:
            effective.append(each)
    newest: dict[tuple[SettingKind | None, str], tuple[datetime, int]] = {}
    known: list[SettingVersion | UnreadableSetting] = [*in_force(versions, now), *effective]
    for version in known:
        key, place = (version.kind, version.subject), _place(version)
        newest[key] = max(place, newest.get(key, place))
    counting = [each for each in effective if newest[each.kind, each.subject] == _place(each)]
    return (*of_unknown_time, *counting)


def _place(version: SettingVersion | UnreadableSetting) -> tuple[datetime, int]:
    """The sort key: the version with the greatest one is in force."""
    assert version.effective_at is not None
    return version.effective_at, version.number


def policy_at(
    versions: Sequence[SettingVersion],
    now: datetime,
    defaults: RiskPolicy,
    unreadable: Iterable[UnreadableSetting] = (),
) -> RiskPolicy:
    """The rules in force; the defaults where nothing was ever set."""
    values = {(version.kind, version.subject): version.value for version in in_force(versions, now)}
    amount_rules = dict(defaults.amount_rules)
    switched_off = set(defaults.switched_off)
    exemptions = list(defaults.exemptions)
    for (_, subject), value in values.items():
        match value:
            case AmountRule():
                amount_rules[AccountType(subject)] = value
            case LiquidationSwitch():
                (switched_off.discard if value.on else switched_off.add)(subject)
            case Exemption() if value.is_in_force(now):
                exemptions.append((SettingId(subject), value))
    return RiskPolicy(
        amount_rules=amount_rules,
        switched_off=frozenset(switched_off),
        exemptions=tuple(exemptions),
        covered_options=_only(values, SettingKind.COVERED_OPTION, defaults.covered_options),
        approval_limits=_only(values, SettingKind.APPROVAL_LIMITS, defaults.approval_limits),
        trading_limit_expiry=_only(values, SettingKind.TRADING_LIMIT_EXPIRY, defaults.trading_limit_expiry),
        unreadable=doubtful(unreadable, versions, now),
    )


def _only(values: Mapping[tuple[SettingKind, str], SettingValue], kind: SettingKind, default: V) -> V:
    """The value of a kind with a single subject."""
    value = values.get((kind, ""), default)
    assert isinstance(value, type(default))
    return value


def value_in_force(policy: RiskPolicy, kind: SettingKind, subject: str) -> SettingValue | None:
    """The setting's value in the rules; None if they do not contain it: factors, an unknown exemption."""
    match kind:
        case SettingKind.AMOUNT_RULE:
            return policy.amount_rules[AccountType(subject)]
        case SettingKind.LIQUIDATION_SWITCH:
            return LiquidationSwitch(subject not in policy.switched_off)
        case SettingKind.EXEMPTION:
            return dict(policy.exemptions).get(SettingId(subject))
        case SettingKind.COVERED_OPTION:
            return policy.covered_options
        case SettingKind.APPROVAL_LIMITS:
            return policy.approval_limits
        case SettingKind.TRADING_LIMIT_EXPIRY:
            return policy.trading_limit_expiry
        case SettingKind.INSTRUMENT_FACTORS | SettingKind.CLIENT_FACTORS:
            return None
