"""The interface of the events of all subscriptions that can be resumed."""

from datetime import datetime

import strawberry


@strawberry.interface(description="An event with its position in the stream.")
class DeskEvent:
    """The fields that every event has."""

    id: strawberry.ID = strawberry.field(
        description="The id of the event. If the event is delivered twice, both deliveries have this id, "
        "so that you can ignore the second."
    )
    cursor: str = strawberry.field(
        description="The opaque cursor of the event. Pass it as `after` to resume after this event."
    )
    at: datetime = strawberry.field(description="The time of the event.")
