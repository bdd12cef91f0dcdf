"""A fault of the desk outside of any resolver is answered with its code and a reference to the log."""

from dataclasses import dataclass
from datetime import datetime

from structlog.testing import capture_logs

from gateway.logs import current_request_id
from tests.kit.book_files import a_book, a_client, owing
from tests.kit.desk_server import World
from tests.kit.outside import Clock

VIEWER = "{ viewer { subject } }"


@dataclass(slots=True)
class FaultyClock(Clock):
    """Fails where a request asks for the time, while it is broken; everything else goes on."""

    broken: bool = False

    def __call__(self) -> datetime:
        if self.broken and current_request_id() is not None:
            raise RuntimeError("the clock is broken")
        return self.now


async def test_a_fault_over_http_has_a_code_and_a_reference(world: World) -> None:
    world.clock = clock = FaultyClock()
    desk = await world.desk(a_book(a_client("C1", owing("M1"))))
    caller = desk.caller()
    clock.broken = True
    with capture_logs() as logs:
        answer = await caller.answer(VIEWER)
    clock.broken = False
    assert (answer.status, answer.codes) == (500, ["INTERNAL"])
    assert answer.headers["connection"] == "close"
    (logged,) = [each for each in logs if each["event"] == "request failed"]
    assert logged["reference"] == answer.body["errors"][0]["extensions"]["reference"]
    assert (await caller.ask(VIEWER))["viewer"]["subject"]
