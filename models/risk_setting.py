"""Stored risk settings: versions that are added and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.exemption import Exemption
from domain.ids import AccountId, ClientId, Symbol
from domain.margin import AccountType, AmountRule
from domain.market import FactorSource, MarginFactors
from domain.principal import Audience
from domain.risk_settings import (
    FACTOR_KINDS,
    ApprovalLimits,
    CoveredOptionRule,
    FactorSetting,
    LiquidationSwitch,
    SettingId,
    SettingKind,
    SettingValue,
    SettingVersion,
    TradingLimitExpiry,
    UnreadableSetting,
)
from models.sql.codec import Codec
from models.sql.database import Row, execute, fetch, fetch_one, insert_sql, placeholders, unreadable_rows
from models.sql.readable import first_rows, readable, readable_page
from models.sql.unreadable import UnreadableRow, reading, reads
from models.sql.values import decimal, time
from models.sql.where import Key, Page, PageRequest, Where, in_order

LATEST_ID = "SELECT r.id FROM risk_setting r ORDER BY r.number DESC LIMIT 1"
"""Changes with every new version, in any process."""

_NUMBER_MAX = 2**63 - 1
"""The largest value of a number column, as a bound for values from cursors."""

_COLUMNS = (
    "id",
    "number",
    "kind",
    "subject",
    "value",
    "value_before",
    "effective_at",
    "requested_by",
    "requested_at",
    "approved_by",
    "approved_at",
    "reason",
    "account_id",
    "client_id",
)
_SELECT = f"SELECT {', '.join(f's.{column}' for column in _COLUMNS)} FROM risk_setting s"
_TABLE = "risk_setting"
_OF_CLIENTS = SettingKind.CLIENT_FACTORS.value
_FACTORS = ", ".join(repr(kind.value) for kind in FACTOR_KINDS)

_CODECS: Mapping[SettingKind, Codec[SettingValue]] = {
    SettingKind.AMOUNT_RULE: Codec(AmountRule),
    SettingKind.LIQUIDATION_SWITCH: Codec(LiquidationSwitch),
    SettingKind.EXEMPTION: Codec(Exemption),
    SettingKind.INSTRUMENT_FACTORS: Codec(FactorSetting),
    SettingKind.CLIENT_FACTORS: Codec(FactorSetting),
    SettingKind.COVERED_OPTION: Codec(CoveredOptionRule),
    SettingKind.APPROVAL_LIMITS: Codec(ApprovalLimits),
    SettingKind.TRADING_LIMIT_EXPIRY: Codec(TradingLimitExpiry),
}


_FACTOR_SETTING: Codec[FactorSetting] = Codec(FactorSetting)


@dataclass(frozen=True, slots=True)
class Concerned:
    """The account or client that a setting concerns alone: operators without access to it do not see the
    setting.
    """

    account_id: AccountId | None = None
    client_id: ClientId | None = None


async def latest_id() -> str | None:
    """The id of the version approved last; None if nothing was ever set."""
    row = await fetch_one(LATEST_ID)
    return row["id"] if row else None


async def next_number() -> int:
    """The next version's number, under a lock held until the transaction's end: approvals are serialised
    here.
    """
    row = await fetch_one(
        "INSERT INTO counter (name, value) VALUES ('risk_setting', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
    )
    assert row is not None
    return int(row["value"])


async def insert_setting(version: SettingVersion, concerned: Concerned) -> None:
    """Append."""
    codec = _CODECS[version.kind]
    before = None if version.before is None else codec.to_text(version.before)
    await execute(
        insert_sql("risk_setting", _COLUMNS),
        version.id,
        version.number,
        version.kind,
        version.subject,
        codec.to_text(version.value),
        before,
        version.effective_at,
        version.requested_by,
        version.requested_at,
        version.approved_by,
        version.approved_at,
        version.reason,
        concerned.account_id,
        concerned.client_id,
    )


def value_to_text(kind: SettingKind, value: SettingValue) -> str:
    """The value as JSON."""
    return _CODECS[kind].to_text(value)


def value_from_text(kind: SettingKind, text: str) -> SettingValue:
    """The inverse of `value_to_text`."""
    return _CODECS[kind].from_text(text)


def factors_from_text(text: str) -> MarginFactors | None:
    """The factors in a row's `value`; None: withdrawn."""
    return _FACTOR_SETTING.from_text(text).factors


async def latest_of(kind: SettingKind, subject: str) -> SettingVersion | UnreadableSetting | None:
    """The version of this setting approved last, whether or not it is effective yet."""
    row = await fetch_one(
        f"{_SELECT} WHERE s.kind = $1 AND s.subject = $2 ORDER BY s.number DESC LIMIT 1", kind, subject
    )
    return _version_or_not(row) if row else None


async def in_force_of(kind: SettingKind, subject: str, at: datetime) -> SettingVersion | None:
    """The readable version of this setting in force at this moment."""
    rows = await fetch(
        f"{_SELECT} WHERE s.kind = $1 AND s.subject = $2 AND s.effective_at <= $3"
        " ORDER BY s.effective_at DESC, s.number DESC",
        kind,
        subject,
        at,
    )
    return _first_readable(rows)


async def factors_in_force(kind: SettingKind, subject: str, at: datetime) -> FactorSetting:
    """The factors of this instrument, or of this client in it; the stated factors if nothing is set."""
    version = await in_force_of(kind, subject, at)
    if version is not None:
        assert isinstance(version.value, FactorSetting)
        return version.value
    if kind is SettingKind.CLIENT_FACTORS:
        source, table, condition = (
            FactorSource.CLIENT,
            "client_factor",
            "client_id = $1 AND instrument_id = $2",
        )
        values = subject.split(":", 1)
    else:
        source, table, condition = FactorSource.INSTRUMENT, "instrument", "symbol = $1"
        values = [subject]
    row = await fetch_one(
        "SELECT initial_factor, maintenance_factor, margin_call_factor, force_close_factor"
        f" FROM {table} WHERE {condition}",
        *values,
    )
    if row is None or row["initial_factor"] is None:
        return FactorSetting(None)
    with reading(table, subject):
        return FactorSetting(
            MarginFactors(
                decimal(row["initial_factor"]),
                decimal(row["maintenance_factor"]),
                decimal(row["margin_call_factor"]),
                decimal(row["force_close_factor"]),
                source,
            )
        )


async def client_factors_set(
    clients: Sequence[ClientId], at: datetime
) -> dict[tuple[ClientId, Symbol], MarginFactors]:
    """The factors set for these clients and in force at this moment, without withdrawn ones."""
    rows = await fetch(
        f"SELECT s.client_id, s.subject, s.value FROM risk_setting s WHERE s.kind = '{_OF_CLIENTS}'"
        f" AND s.client_id IN ({placeholders(clients, 2)})"
        f" AND s.id = ({_counting('s.kind', 's.subject', '$1')})",
        at,
        *clients,
    )
    set_: dict[tuple[ClientId, Symbol], MarginFactors] = {}
    for row in rows:
        value = await readable_factors(SettingKind.CLIENT_FACTORS, row["subject"], row["value"], at)
        factors = None if value.text is None else factors_from_text(value.text)
        if factors is not None:
            client_id = ClientId(row["client_id"])
            set_[client_id, Symbol(row["subject"].removeprefix(f"{client_id}:"))] = factors
    return set_


@dataclass(frozen=True, slots=True)
class FactorsText:
    """A stored version of factors; None: there is none. `doubtful`: the version in force cannot be read, so
    this is an earlier one, or there is none.
    """

    text: str | None
    doubtful: bool = False


async def readable_factors(kind: SettingKind, subject: str, text: str | None, at: datetime) -> FactorsText:
    """The text in force if it can be read, otherwise that of the last earlier version that can."""
    try:
        if text is not None:
            with reading(_TABLE, f"{kind}:{subject}"):
                factors_from_text(text)
        return FactorsText(text)
    except UnreadableRow as damaged:
        unreadable_rows().note(damaged)
    earlier = await in_force_of(kind, subject, at)
    return FactorsText(None if earlier is None else value_to_text(kind, earlier.value), doubtful=True)


async def settings_in_force(audience: Audience, at: datetime) -> list[SettingVersion]:
    """All settings but factors, as far as they concern accounts in the audience's scope."""
    where = Where()
    _sees(where, audience)
    where.add(f"s.kind NOT IN ({_FACTORS})")
    _counts_at(where, at)
    rows = await fetch(f"{_SELECT}{where} ORDER BY s.kind, s.subject", *where.values)
    return (await _with_earlier(rows, at)).versions


@dataclass(frozen=True, slots=True)
class StoredVersions:
    """Versions that can be read, and those that cannot."""

    versions: list[SettingVersion]
    unreadable: list[UnreadableSetting]


async def load_versions(since: datetime) -> StoredVersions:
    """All versions but factors that are in force at `since` or later; for an unreadable one the last readable
    one before it.
    """
    rows = await fetch(
        f"{_SELECT} WHERE s.kind NOT IN ({_FACTORS}) AND (s.effective_at > $1 OR s.id ="
        f" ({_counting('s.kind', 's.subject', '$1')}))",
        since,
    )
    return await _with_earlier(rows, since)


async def _with_earlier(rows: Sequence[Row], at: datetime) -> StoredVersions:
    stored = StoredVersions([], [])
    for row in rows:
        read = _version_or_not(row)
        if isinstance(read, SettingVersion):
            stored.versions.append(read)
            continue
        stored.unreadable.append(read)
        earlier = None if read.kind is None else await in_force_of(read.kind, read.subject, at)
        if earlier is not None and all(each.id != earlier.id for each in stored.versions):
            stored.versions.append(earlier)
    return stored


@dataclass(frozen=True, slots=True)
class SettingFilter:
    """Filter for versions; None matches any. `in_force_at`: only those in force at that moment."""

    kinds: tuple[SettingKind, ...] | None = None
    subject: str | None = None
    in_force_at: datetime | None = None


async def page_settings(
    audience: Audience, selection: SettingFilter, request: PageRequest
) -> Page[SettingVersion]:
    """One page, approved last first; the key of a row is (number,)."""
    where = _where(audience, selection)
    stored = replace(request, after=_stored(request.after), before=_stored(request.before))
    newest = first_rows(f"{_SELECT}{in_order(where, stored, 's.number', descending=True)}", where)
    return await readable_page(newest, _version, _TABLE, request)


def _stored(key: Key | None) -> Key | None:
    """A cursor may hold any number, the column only those of its type."""
    return None if key is None else (max(0, min(int(key[0]), _NUMBER_MAX)),)


async def count_settings(audience: Audience, selection: SettingFilter) -> int:
    """The number of matching versions."""
    where = _where(audience, selection)
    row = await fetch_one(f"SELECT COUNT(*) AS settings FROM risk_setting s{where}", *where.values)
    assert row is not None
    return int(row["settings"])


async def load_settings(audience: Audience, ids: Sequence[SettingId]) -> dict[SettingId, SettingVersion]:
    """Those of these versions that the audience may see."""
    where = Where()
    _sees(where, audience)
    where.add("s.id IN (?)", list(ids))
    versions = readable(await fetch(f"{_SELECT}{where}", *where.values), _version, _TABLE)
    return {version.id: version for version in versions}


async def count_exemptions() -> int:
    """The number of exemption rules ever created, including disabled ones."""
    row = await fetch_one(
        "SELECT COUNT(DISTINCT subject) AS rules FROM risk_setting WHERE kind = 'EXEMPTION'"
    )
    assert row is not None
    return int(row["rules"])


def _counting(kind: str, subject: str, at: str) -> str:
    return (
        f"SELECT x.id FROM risk_setting x WHERE x.kind = {kind} AND x.subject = {subject}"
        f" AND x.effective_at <= {at} ORDER BY x.effective_at DESC, x.number DESC LIMIT 1"
    )


def counting_value(kind: SettingKind, subject: str, at: str) -> str:
    """SQL for the value of the version in force; `subject` and `at` are SQL too."""
    return _counting(f"'{kind}'", subject, at).replace("SELECT x.id", "SELECT x.value", 1)


def _counts_at(where: Where, at: datetime) -> None:
    where.add(f"s.id = ({_counting('s.kind', 's.subject', '?')})", at)


def _where(audience: Audience, selection: SettingFilter) -> Where:
    where = Where()
    _sees(where, audience)
    if selection.kinds is not None:
        where.add("s.kind IN (?)", selection.kinds)
    where.add_if("s.subject = ?", selection.subject)
    if selection.in_force_at is not None:
        _counts_at(where, selection.in_force_at)
    return where


def _sees(where: Where, audience: Audience) -> None:
    """Settings of the whole desk, and those of accounts and clients in scope."""
    if not audience.may_see:
        where.add("1 = 0")
    elif audience.account_scope is not None:
        scope = sorted(audience.account_scope)
        where.add(
            "(s.account_id IS NULL OR s.account_id IN"
            " (SELECT a.id FROM account a WHERE a.account_no IN (?)))",
            scope,
        )
        where.add(
            "(s.client_id IS NULL OR s.client_id IN"
            " (SELECT a.client_id FROM account a WHERE a.account_no IN (?)))",
            scope,
        )


def _first_readable(rows: Sequence[Row]) -> SettingVersion | None:
    """The newest readable version; the rows are sorted from the newest to the oldest."""
    for row in rows:
        read = _version_or_not(row)
        if isinstance(read, SettingVersion):
            return read
    return None


def _version_or_not(row: Row) -> SettingVersion | UnreadableSetting:
    try:
        return _version(row)
    except UnreadableRow as damaged:
        unreadable_rows().note(damaged)
        return _what_is_known(row)


def _what_is_known(row: Row) -> UnreadableSetting:
    try:
        effective_at = time(row["effective_at"])
    except UnreadableRow:
        effective_at = None
    return UnreadableSetting(
        id=SettingId(row["id"]),
        kind=SettingKind(row["kind"]) if row["kind"] in set(SettingKind) else None,
        subject=row["subject"],
        number=_number(row),
        effective_at=effective_at,
        account_id=row["account_id"],
        client_id=row["client_id"],
    )


def _number(row: Row) -> int:
    try:
        return int(row["number"])
    except (TypeError, ValueError):
        return 0


@reads(_TABLE, untracked=True)
def _version(row: Row) -> SettingVersion:
    kind = SettingKind(row["kind"])
    if kind is SettingKind.AMOUNT_RULE:
        AccountType(row["subject"])
    codec = _CODECS[kind]
    return SettingVersion(
        id=SettingId(row["id"]),
        number=int(row["number"]),
        kind=kind,
        subject=row["subject"],
        value=codec.from_text(row["value"]),
        before=None if row["value_before"] is None else codec.from_text(row["value_before"]),
        effective_at=time(row["effective_at"]),
        requested_by=row["requested_by"],
        requested_at=time(row["requested_at"]),
        approved_by=row["approved_by"],
        approved_at=time(row["approved_at"]),
        reason=row["reason"],
    )
