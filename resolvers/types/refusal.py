"""The interfaces that all refusals of the schema implement, and what a refusal carries besides its reason."""

import strawberry

from domain.ids import ApprovalId, CaseId, OrderId
from domain.refusals import RefusalCode
from resolvers.kit.context import Info
from resolvers.types.approval import ApprovalRequest, load_approval
from resolvers.types.case import Case, load_case
from resolvers.types.order import Order, load_order

OTHER_TYPE = "Select `details {{ {0} }}` of the interface Refusal: `{0}` has another type in the outcome."
"""Why a field of a refusal is deprecated: a document could not select both without an alias."""


@strawberry.type(description="The objects that a refusal concerns, as they are now.")
class RefusalDetails:
    """Ids of what the caller may see; the objects are loaded when they are selected."""

    case_id: strawberry.Private[CaseId | None] = None
    order_id: strawberry.Private[OrderId | None] = None
    approval_id: strawberry.Private[ApprovalId | None] = None

    @strawberry.field(
        description="The case that the refusal is about; null if it is about none, or if you may not see it."
    )
    async def case(self, info: Info) -> Case | None:
        """Batched over the answers."""
        return await load_case(info, self.case_id)

    @strawberry.field(
        description="The order that the refusal is about; null if it is about none, or if you may not see it."
    )
    async def order(self, info: Info) -> Order | None:
        """Batched over the answers."""
        return await load_order(info, self.order_id)

    @strawberry.field(
        description="The approval request that the refusal is about, or that waits for a second person "
        "(APPROVAL_REQUIRED, APPROVAL_PENDING); null if there is none, or if you may not see it."
    )
    async def approval(self, info: Info) -> ApprovalRequest | None:
        """Batched over the answers."""
        return await load_approval(info, self.approval_id)


@strawberry.interface(
    name="Refused",
    description="The part of Refusal without its details, for documents written before Refusal was there.",
)
class AnyRefused:
    """Kept for clients: its name is part of their documents."""

    code: RefusalCode = strawberry.field(description="The reason as a code.")
    message: str = strawberry.field(
        description="The reason in plain words and how to proceed, for display. Decide by `code`."
    )


@strawberry.interface(
    name="Refusal",
    description="A request that the desk's rules do not allow; nothing was done. Every refusal type "
    "implements this interface, so that one fragment reads any refusal.",
)
class AnyRefusal(AnyRefused):
    """From desk.outcomes.Refused, domain.refusals.Refusal or a similar value."""

    details: RefusalDetails = strawberry.field(
        default_factory=RefusalDetails, description="The objects that the refusal concerns, as they are now."
    )
