"""`python -m gateway lease --release`: an operator releases the lease of the process that holds it."""

from desk.audit import entry
from gateway.resources import Resources
from gateway.workers.term import LEASE
from models.audit import write_audit
from models.lease import Lease, release_lease
from models.sql.database import transaction


async def give_up(resources: Resources, lease: Lease) -> None:
    """Recorded in the audit trail. The holder notices at its next renewal and stops its work."""
    async with transaction():
        if await release_lease(LEASE, lease.holder):
            await write_audit(
                [entry("desk:lease", resources.desk.clock(), "release-lease", "holder", lease.holder)]
            )
