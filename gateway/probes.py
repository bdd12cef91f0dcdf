"""The probes of one process: whether it runs, whether it is ready, and its metrics."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.loops.patience import SharedProbe
from gateway.metrics import CONTENT_TYPE, DATABASE_PATIENCE_S, Metrics
from gateway.resources import Resources
from gateway.workers.process import Workers
from models.sql.database import fetch
from models.sql.faults import NO_ANSWER

DAMAGED_ROWS_NAMED = 5
"""Further rows are counted; the log names all of them."""
_WHOLE = ("bus", "login", "documents", "led", "trading", "feed", "settings", "data", "loops")
"""Without Redis everything continues, with live delivery a little later; without the login service, with its
last keys; with a manifest that cannot be used, the last one; without the venue, everything but trading; and
another process would see the same login service, the same manifest, the same silent feed and the same damaged
rows. None of these is a reason to turn callers away.
"""


class Probes:
    """The probes of one process; its methods answer requests."""

    def __init__(self, resources: Resources, workers: Workers, metrics: Metrics) -> None:
        self._resources = resources
        self._workers = workers
        self._metrics = metrics
        self._database_there = SharedProbe(lambda: fetch("SELECT 1 AS one"), DATABASE_PATIENCE_S)

    async def readiness(self, _: Request) -> Response:
        """Readiness: the database, the bus, the loops and the clock of this process."""
        checks = {"database": await self._database_answers()} | self._checks() | self._data()
        ready = checks["database"] and checks["workers"] and checks["clock"]
        whole = all(checks[name] for name in _WHOLE)
        status = ("ready" if whole else "degraded") if ready else "not ready"
        return JSONResponse({"status": status, **checks}, status_code=200 if ready else 503)

    async def metrics(self, _: Request) -> Response:
        """The metrics for Prometheus."""
        with self._resources.database.active():
            return Response(await self._metrics.exposition(), media_type=CONTENT_TYPE)

    def _checks(self) -> dict[str, object]:
        """The checks that read memory alone; each returns its fault, if any."""
        resources, workers = self._resources, self._workers
        watch, leaderless, failing = resources.feed_watch, workers.leaderless, "; ".join(workers.failing)
        return {
            **_check("bus", resources.bus.trouble),
            **_check("login", None if resources.login_keys is None else resources.login_keys.trouble),
            **_check("documents", workers.manifest_trouble),
            "workers": workers.ready,
            "leader": workers.leading,
            **_check("led", leaderless),
            "clock": not resources.database_clock.too_large and watch.clocks_agree,
            "trading": workers.trading,
            "feed": watch.delivers,
            **({} if watch.trouble is None else {"feedTrouble": watch.trouble}),
            "settings": not resources.desk.policy.books.settings.unreadable,
            **_check("loops", failing or None),
        }

    def _data(self) -> dict[str, object]:
        """The unreadable stored rows that the process has met; the log has the reasons."""
        rows = self._resources.database.unreadable.damaged()
        damaged = [f"{row.table} {row.row_id}" for row in rows]
        damaged += [f"market_day {id_}" for id_ in self._resources.market_days.unreadable]
        return _check("data", f"stored rows cannot be read: {_named(damaged)}" if damaged else None)

    async def _database_answers(self) -> bool:
        try:
            with self._resources.database.active():
                await self._database_there.answer()
        except NO_ANSWER:
            return False
        return True


def _check(name: str, trouble: str | None) -> dict[str, object]:
    return {name: True} if trouble is None else {name: False, f"{name}Trouble": trouble}


def _named(damaged: Sequence[str]) -> str:
    named = list(damaged[:DAMAGED_ROWS_NAMED])
    if len(damaged) > len(named):
        named.append(f"{len(damaged) - len(named)} more")
    return ", ".join(named)
