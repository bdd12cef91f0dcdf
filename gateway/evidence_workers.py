"""The leader's work for the auditor: the audit is chained, and every open case is snapshot once a day."""

import asyncio

import structlog

from desk.chain_audit import AuditChainer
from desk.daily_snapshots import take_daily_snapshots
from gateway.resources import Resources

log = structlog.get_logger()


async def chain_audit(resources: Resources) -> None:
    """Until cancelled."""
    settings = resources.settings
    chainer = AuditChainer(resources.desk, settings.audit_chain_batch)
    while True:
        await chainer.chain()
        await asyncio.sleep(settings.audit_chain_interval_s)


async def snapshot_daily(resources: Resources) -> None:
    """Until cancelled."""
    settings = resources.settings
    while True:
        taken = await take_daily_snapshots(resources.desk, settings.daily_snapshot_batch)
        if taken:
            log.info("daily snapshots taken", cases=taken)
        await asyncio.sleep(settings.daily_snapshot_interval_s)
