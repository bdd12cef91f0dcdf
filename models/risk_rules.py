"""The risk rules in force, without reading them again and again.

What was read is kept for as long as the newest version is the one that is known. Whoever decides reads that
one id in its own transaction, so a change counts in every process from the moment it is committed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.risk_settings import RiskRules, SettingVersion, UnreadableSetting, moments, rules_at
from models.risk_setting import latest_id, load_versions
from models.setting_reach import factor_moments

CLOCKS_APART = timedelta(minutes=1)
"""Rules are read for a moment so much earlier, that a process whose clock is behind need not read again."""


@dataclass(frozen=True, slots=True)
class _Known:
    latest: str | None
    since: datetime
    versions: tuple[SettingVersion, ...] = ()
    moments: tuple[datetime, ...] = ()
    """When something changes by itself, factors included."""
    unreadable: tuple[UnreadableSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class _Computed:
    known: _Known
    since: datetime
    until: datetime | None
    rules: RiskRules

    def counts_at(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


class RiskSettings:
    """The rules in force, kept between reads. One per process and database; holds no factors."""

    def __init__(self, defaults: RiskRules | None = None) -> None:
        self.defaults = defaults or RiskRules()
        """What counts where nothing was ever set."""
        self._known: _Known | None = None
        self._computed: _Computed | None = None

    @property
    def unreadable(self) -> int:
        """How many settings, when they were read last, had to give way to an earlier version because theirs
        is damaged. Factors are not among them."""
        return 0 if self._computed is None else len(self._computed.rules.unreadable)

    async def in_force(self, now: datetime) -> RiskRules:
        """At `now`, as the transaction sees them. The same object comes back while no setting changes, also
        no factor: who has read something with these rules may ask whether they are still the ones."""
        return await self.as_of(await latest_id(), now)

    async def as_of(self, latest: str | None, now: datetime) -> RiskRules:
        """The same, when the newest version's id was read already; see `LATEST_ID`."""
        known = self._known
        if known is None or known.latest != latest or now < known.since:
            self._known = known = await _read(latest, now - CLOCKS_APART)
        made = self._computed
        if made is None or made.known is not known or not made.counts_at(now):
            self._computed = made = _compute(known, now, self.defaults)
        return made.rules


async def _read(latest: str | None, since: datetime) -> _Known:
    if latest is None:
        return _Known(latest, since)
    stored = await load_versions(since)
    times = moments(stored.versions) | set(await factor_moments(since))
    times |= {each.effective_at for each in stored.unreadable if each.effective_at is not None}
    return _Known(latest, since, tuple(stored.versions), tuple(sorted(times)), tuple(stored.unreadable))


def _compute(known: _Known, now: datetime, defaults: RiskRules) -> _Computed:
    began = max((at for at in known.moments if known.since < at <= now), default=known.since)
    until = min((at for at in known.moments if at > now), default=None)
    return _Computed(known, began, until, rules_at(known.versions, now, defaults, known.unreadable))
