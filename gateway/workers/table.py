"""Every loop of the desk, by the process that runs it.

Messages and webhooks have a loop for each channel and endpoint, see `gateway.workers.outbound`.
"""

from collections.abc import Awaitable, Callable

from desk.monitoring.watch_margin import Monitor
from feeds.base import Feed
from gateway.http.live import Live
from gateway.loops.policy import round_scheduler, supervised
from gateway.loops.supervisor import Supervisor, Worker
from gateway.resources import MarketListener, OpenVenue, Resources
from gateway.watch.trusted_manifest import TrustedManifest
from gateway.workers.cases import (
    collect_options_stock,
    expire_requests,
    flatten_intraday,
    follow_market_days,
    liquidate_automatically,
)
from gateway.workers.feed_silence import watch_feed
from gateway.workers.margin import listen_for_changes, take_in, watch_margin
from gateway.workers.trading import (
    ask_about_orders,
    book_waiting_reports,
    dispatch_orders,
    end_days,
    report_lanes,
)
from gateway.workers.upkeep import chain_audit, outbox_relay, prune, snapshot_daily
from gateway.workers.wake import wake_for_others, wake_leader


def of_every_process(
    resources: Resources,
    live: Live,
    manifest: TrustedManifest | None,
    lead: Callable[[], Awaitable[None]],
    leading: Callable[[], bool],
) -> Supervisor:
    """The loops needed to answer requests; `lead` waits for the lease."""
    keys = resources.login_keys
    return supervised(
        *([] if keys is None else [Worker("login keys", keys.run)]),
        *([] if manifest is None else [Worker("trusted documents", manifest.run)]),
        Worker("bus", resources.bus.run),
        Worker("leader", lead),
        Worker("live feed", live.feed.run),
        Worker("live quotes", live.run_quotes),
        Worker("socket clock", live.run_clock),
        Worker("waking", lambda: wake_leader(resources.signals, resources.bus, leading)),
        Worker("revocations", lambda: resources.revocations.run(live.close_subject)),
        Worker("rate limits", resources.rates.run),
        Worker("market days", resources.market_days.run),
    )


def of_the_leader(
    resources: Resources,
    watch: Callable[[], Awaitable[None]],
    trade: Callable[[], Awaitable[None]],
    reach_out: Callable[[], Awaitable[None]],
) -> Supervisor:
    """The desk's own work; `watch` opens the feed, `trade` the venue, `reach_out` sends messages."""
    return supervised(
        Worker("relay", outbox_relay(resources).run),
        Worker("woken", lambda: wake_for_others(resources.signals, resources.bus)),
        Worker("housekeeping", lambda: prune(resources)),
        Worker("covered options", lambda: collect_options_stock(resources)),
        Worker("audit chain", lambda: chain_audit(resources)),
        Worker("daily snapshots", lambda: snapshot_daily(resources)),
        Worker("approvals", lambda: expire_requests(resources)),
        Worker("outward", reach_out),
        Worker("watching", watch),
        Worker("trading", trade),
    )


def of_watching(resources: Resources, hear: MarketListener, feed: Feed | None) -> Supervisor:
    """The loops that need market data; `hear` gets the feed's messages."""
    monitor = Monitor(resources.desk, round_scheduler(resources.round_faults.count))
    workers = [
        Worker("monitor", lambda: watch_margin(resources, monitor)),
        Worker("events", lambda: listen_for_changes(resources, monitor)),
        Worker("deadlines", lambda: follow_market_days(resources)),
    ]
    if feed is not None:
        workers.append(Worker("feed", lambda: take_in(resources, monitor, hear, feed)))
        workers.append(Worker("feed silence", lambda: watch_feed(resources)))
    return supervised(*workers)


def of_trading(resources: Resources, opened: OpenVenue) -> Supervisor:
    """The loops that need a venue. Automatic liquidations are among them: nothing is decided that cannot be
    sent.
    """
    lanes = report_lanes(resources, opened.venue)
    return supervised(
        Worker("dispatcher", lambda: dispatch_orders(resources, opened.venue)),
        Worker("reports", lanes.read),
        Worker("waiting reports", lambda: book_waiting_reports(resources, lanes)),
        Worker("order questions", lambda: ask_about_orders(resources, opened.venue)),
        Worker("days of the venue", lambda: end_days(resources, opened)),
        Worker("intraday accounts", lambda: flatten_intraday(resources, opened.venue)),
        Worker("automatic liquidations", lambda: liquidate_automatically(resources)),
    )
