"""The metrics of what the database holds: waiting work, the lease, and what waits for people or a venue."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, Metric

from domain.doubt import DoubtReason
from domain.message import Channel
from domain.order_states import OrderStatus
from gateway.watch.families import gauge, labelled
from models.doubt import unwatched_by_reason
from models.lease import Lease, read_lease
from models.message import waiting_messages
from models.open_work import AuditTail, OpenCases, audit_tail, open_cases, open_orders
from models.outbox import Backlog, backlog
from models.sql.unreadable import UnreadableRow
from models.webhook import WebhookLag, count_disabled, slowest_webhook


@dataclass(frozen=True, slots=True)
class Work:
    """The state of the work in the database at one time."""

    backlog: Backlog
    messages: Mapping[Channel, int]
    webhook: WebhookLag
    webhooks_disabled: int
    unwatched: Mapping[DoubtReason, int]
    cases: OpenCases
    orders: Mapping[OrderStatus, int]
    audit_tail: AuditTail
    lease: Lease | None


async def ask_work(lease: str, now: datetime) -> Work:
    """The work as of now; `lease` names that of the leader."""
    return Work(
        await backlog(now),
        await waiting_messages(),
        await slowest_webhook(now),
        await count_disabled(),
        await unwatched_by_reason(),
        await open_cases(now),
        await open_orders(),
        await audit_tail(now),
        await _readable_lease(lease),
    )


async def _readable_lease(name: str) -> Lease | None:
    """None also if the row is damaged: `/readyz` names it, and the other figures are known."""
    with suppress(UnreadableRow):
        return await read_lease(name)
    return None


def work_metrics(work: Work, channels: Collection[Channel]) -> Iterator[Metric]:
    """One family after another."""
    yield from _events(work)
    yield from _outbound(work, channels)
    yield from _cases_and_orders(work)
    text = "Accounts that the desk cannot judge."
    yield labelled(GaugeMetricFamily, "unwatched_accounts", text, work.unwatched, "reason")
    text = "Rows of the audit trail that are not in the hash chain yet."
    yield gauge("audit_tail_rows", text, work.audit_tail.rows)
    text = "Age of the oldest of them."
    yield gauge("audit_tail_age_seconds", text, work.audit_tail.age.total_seconds())
    left = work.lease.until - work.lease.now if work.lease and work.lease.held else timedelta()
    yield gauge(
        "lease_left_seconds", "Seconds until the lease ends; 0: no process leads.", left.total_seconds()
    )
    text = "The number of terms of the lease so far; it grows when another process leads."
    yield gauge("lease_terms", text, work.lease.fence if work.lease else 0)


def _events(work: Work) -> Iterator[Metric]:
    text = "Committed events that have no position in the stream yet."
    yield gauge("relay_waiting_events", text, work.backlog.events)
    text = "Age of the oldest event without a position."
    yield gauge("relay_lag_seconds", text, work.backlog.age.total_seconds())


def _outbound(work: Work, channels: Collection[Channel]) -> Iterator[Metric]:
    waiting = {channel: work.messages.get(channel, 0) for channel in channels}
    text = "Messages that are still to be sent."
    yield labelled(GaugeMetricFamily, "messages_waiting", text, waiting, "channel")
    text = "Events not yet delivered to the slowest active webhook."
    yield gauge("webhook_waiting_events", text, work.webhook.events)
    text = "Age of the oldest event not yet delivered to it."
    yield gauge("webhook_lag_seconds", text, work.webhook.age.total_seconds())
    yield gauge("webhooks_disabled", "Webhooks that are disabled.", work.webhooks_disabled)


def _cases_and_orders(work: Work) -> Iterator[Metric]:
    yield labelled(GaugeMetricFamily, "cases", "Live cases.", work.cases.by_status, "status")
    yield gauge("cases_overdue", "Live cases whose deadline has passed.", work.cases.overdue)
    text = "Age of the oldest live case without a claim in force."
    yield gauge("cases_unclaimed_age_seconds", text, work.cases.unclaimed_for.total_seconds())
    yield labelled(GaugeMetricFamily, "orders", "Orders whose status is not final.", work.orders, "status")
