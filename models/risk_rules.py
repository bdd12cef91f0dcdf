"""The risk rules in force, without reading them again and again.

What was read is kept for as long as the newest version is the one that is known. Whoever decides reads that
one id in its own transaction, so a change counts in every process from the moment it is committed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.risk_settings import RiskRules, SettingVersion, next_change, rules_at
from models.risk_setting import latest_id, load_versions

CLOCKS_APART = timedelta(minutes=1)
"""Rules are read for a moment so much earlier, that a process whose clock is behind need not read again."""


@dataclass(frozen=True, slots=True)
class _Known:
    latest: str | None
    since: datetime
    versions: tuple[SettingVersion, ...]


@dataclass(frozen=True, slots=True)
class _Computed:
    known: _Known
    since: datetime
    until: datetime | None
    rules: RiskRules


class RiskSettings:
    """The rules in force, kept between reads. One per process and database; holds no factors."""

    def __init__(self, defaults: RiskRules | None = None) -> None:
        self.defaults = defaults or RiskRules()
        """What counts where nothing was ever set."""
        self._known: _Known | None = None
        self._computed: _Computed | None = None

    async def in_force(self, now: datetime) -> RiskRules:
        """At `now`, as the transaction sees them. The same object comes back while nothing changes."""
        return await self.as_of(await latest_id(), now)

    async def as_of(self, latest: str | None, now: datetime) -> RiskRules:
        """The same, when the newest version's id was read already; see `LATEST_ID`."""
        known = self._known
        if known is None or known.latest != latest or now < known.since:
            since = now - CLOCKS_APART
            self._known = known = _Known(latest, since, tuple(await load_versions(since) if latest else ()))
        made = self._computed
        if made is None or made.known is not known or not _within(made, now):
            self._computed = made = self._compute(known, now)
        return made.rules

    def _compute(self, known: _Known, now: datetime) -> _Computed:
        until = next_change(known.versions, now)
        return _Computed(known, now, until, rules_at(known.versions, now, self.defaults))


def _within(made: _Computed, now: datetime) -> bool:
    return made.since <= now and (made.until is None or now < made.until)
