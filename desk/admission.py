"""The checks of every command before any item is decided: the permission, and the idempotency key.

The key belongs to the caller. A request repeated under its key is admitted again, and its items get their
stored answers; another request under the same key is refused.
"""

from desk.context import DeskContext
from domain.principal import CAPABILITIES, Capability, Permission, Principal
from domain.refusals import Refusal, RefusalCode
from models.idempotency import claim_key

KEY_REUSED = "This idempotency key was used for another request: choose a new key."


async def refused_admission(
    desk: DeskContext, principal: Principal, operation: str, key: str, request_hash: str, *needed: Capability
) -> Refusal | None:
    """The refusal of the whole request.

    None: the caller has one of the capabilities, and the key is claimed. `operation` has at most 20
    characters.
    """
    assert len(operation) <= 20, operation
    if not principal.audience.may(*needed):
        return Refusal(RefusalCode.FORBIDDEN, lacks(*needed))
    if not await claim_key(principal.subject, key, operation, request_hash, desk.clock()):
        return Refusal(RefusalCode.IDEMPOTENCY_KEY_REUSED, KEY_REUSED)
    return None


def lacks(*needed: Capability) -> str:
    """The refusal message for a missing permission, naming the permissions that would suffice."""
    grants = [granted for granted in Permission if not CAPABILITIES[granted].isdisjoint(needed)]
    return f"Your token does not permit this action, which needs {' or '.join(grants)}."
