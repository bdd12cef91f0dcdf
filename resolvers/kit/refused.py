"""The interface that all refusals of the schema implement."""

import strawberry

from domain.refusals import RefusalCode


@strawberry.interface(
    name="Refused",
    description="A request that the desk's rules do not allow; nothing was done. Every refusal type "
    "implements this interface, so that one fragment reads the code and the reason of any refusal.",
)
class AnyRefused:
    """From desk.outcomes.Refused, domain.refusals.Refusal or a similar value."""

    code: RefusalCode = strawberry.field(description="The reason as a code.")
    message: str = strawberry.field(
        description="The reason in plain words and how to proceed, for display. Decide by `code`."
    )
