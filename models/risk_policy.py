"""The risk rules in force, cached.

The rules stay cached while the newest version's id is unchanged. Decisions read that id in their own
transaction, so a change applies in every process from the moment of its commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.risk_settings import RiskPolicy, SettingVersion, UnreadableSetting, moments, policy_at
from models.risk_setting import latest_id, load_versions
from models.setting_reach import factor_moments

CLOCKS_APART = timedelta(minutes=1)
"""Rules are read for a moment earlier by this much, so that a process whose clock is behind need not read
again.
"""


@dataclass(frozen=True, slots=True)
class _Known:
    latest: str | None
    since: datetime
    versions: tuple[SettingVersion, ...] = ()
    moments: tuple[datetime, ...] = ()
    """When something changes by itself, including factors."""
    unreadable: tuple[UnreadableSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class _Computed:
    known: _Known
    since: datetime
    until: datetime | None
    policy: RiskPolicy

    def counts_at(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


class RiskPolicyCache:
    """The rules in force, cached between reads. One per process and database; contains no factors."""

    def __init__(self, defaults: RiskPolicy | None = None) -> None:
        self.defaults = defaults or RiskPolicy()
        """The rules where nothing was ever set."""
        self._known: _Known | None = None
        self._computed: _Computed | None = None

    @property
    def unreadable(self) -> int:
        """The number of settings, at the last read, of which an earlier version applies because the newest is
        damaged; without factors.
        """
        return 0 if self._computed is None else len(self._computed.policy.unreadable)

    async def in_force(self, now: datetime) -> RiskPolicy:
        """The rules at `now`, as the transaction sees them.

        Returns the same object while no setting changes, including factors, so that callers can check whether
        rules they used are still in force.
        """
        return await self.as_of(await latest_id(), now)

    async def as_of(self, latest: str | None, now: datetime) -> RiskPolicy:
        """Like `in_force`, if the newest version's id was read already; see `LATEST_ID`."""
        known = self._known
        if known is None or known.latest != latest or now < known.since:
            self._known = known = await _read(latest, now - CLOCKS_APART)
        made = self._computed
        if made is None or made.known is not known or not made.counts_at(now):
            self._computed = made = _compute(known, now, self.defaults)
        return made.policy


async def _read(latest: str | None, since: datetime) -> _Known:
    if latest is None:
        return _Known(latest, since)
    stored = await load_versions(since)
    times = moments(stored.versions) | set(await factor_moments(since))
    times |= {each.effective_at for each in stored.unreadable if each.effective_at is not None}
    return _Known(latest, since, tuple(stored.versions), tuple(sorted(times)), tuple(stored.unreadable))


def _compute(known: _Known, now: datetime, defaults: RiskPolicy) -> _Computed:
    began = max((at for at in known.moments if known.since < at <= now), default=known.since)
    until = min((at for at in known.moments if at > now), default=None)
    return _Computed(known, began, until, policy_at(known.versions, now, defaults, known.unreadable))
