"""The loops of one process, from its start to its end."""

from gateway.http.live import Live
from gateway.resources import Resources
from gateway.watch.trusted_manifest import TrustedManifest
from gateway.workers.leader import Leader
from gateway.workers.table import of_every_process


class Workers:
    """Starts and stops with the process; `ready` says whether it can do its work."""

    def __init__(self, resources: Resources, live: Live, manifest: TrustedManifest | None) -> None:
        self._resources = resources
        self._leader = Leader(resources)
        self._manifest = manifest
        self._supervisor = of_every_process(resources, live, manifest, self._leader.run, lambda: self.leading)

    @property
    def ready(self) -> bool:
        """Whether every loop that this process needs is running."""
        return self._supervisor.ready and self._leader.ready

    @property
    def manifest_trouble(self) -> str | None:
        """Why the manifest of trusted documents is not the one in its file; None while it is."""
        return None if self._manifest is None else self._manifest.trouble

    @property
    def trading(self) -> bool:
        """Whether it does not lead, or its venue is open."""
        return self._leader.trading

    @property
    def leaderless(self) -> str | None:
        """Why no process leads; None while one does."""
        return self._leader.somebody.trouble

    @property
    def failing(self) -> list[str]:
        """Loops that have failed repeatedly for so long that the operator must check, with the reason."""
        for_s = self._resources.settings.loop_failing_told_s
        return self._supervisor.failing(for_s) + self._leader.failing(for_s)

    @property
    def leading(self) -> bool:
        """Whether this process does the desk's own work."""
        return self._leader.leading

    @property
    def lease_age_s(self) -> float | None:
        """See `Leader`."""
        return self._leader.lease_age_s

    @property
    def standstills(self) -> int:
        """See `Leader`."""
        return self._leader.standstills

    def start(self) -> None:
        """Start the loops; inside `Database.active()`."""
        self._supervisor.start()

    async def stop(self) -> None:
        """Stop the loops, the leader's before the lease is released."""
        await self._supervisor.stop(self._resources.settings.shutdown_timeout_s)
