"""The leader's work for the auditor: the audit is chained, and every open case is snapshot once a day."""

import asyncio
from datetime import timedelta

import structlog

from desk.chain_audit import AuditChainer
from desk.daily_snapshots import take_daily_snapshots
from domain.audit_chain import NOTHING, ChainHead
from gateway.resources import Resources
from models.audit import chain_head

HEAD_TOLD_EVERY = timedelta(hours=1)

log = structlog.get_logger()


async def chain_audit(resources: Resources) -> None:
    """Until cancelled."""
    settings = resources.settings
    chainer = AuditChainer(resources.desk, settings.audit_chain_batch)
    told, tell_at = NOTHING, resources.desk.clock()
    while True:
        await chainer.chain()
        if resources.desk.clock() >= tell_at:
            told, tell_at = await _tell_head(told), resources.desk.clock() + HEAD_TOLD_EVERY
        await asyncio.sleep(settings.audit_chain_interval_s)


async def _tell_head(told: ChainHead) -> ChainHead:
    """Into the log, which leads elsewhere: whoever rewrites the chain cannot rewrite that."""
    head = await chain_head()
    if head != told:
        log.info("audit head", head=str(head))
    return head


async def snapshot_daily(resources: Resources) -> None:
    """Until cancelled."""
    settings = resources.settings
    while True:
        taken = await take_daily_snapshots(resources.desk, settings.daily_snapshot_batch)
        if taken:
            log.info("daily snapshots taken", cases=taken)
        await asyncio.sleep(settings.daily_snapshot_interval_s)
