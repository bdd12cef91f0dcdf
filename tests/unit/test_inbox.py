"""What a WebSocket has received waits in order, none is lost, and while none waits there is no queue."""

import asyncio
import sys

from gateway.http.protocols.inbox import Inbox


async def test_messages_are_taken_in_the_order_in_which_they_came() -> None:
    inbox = Inbox()
    taking = [asyncio.create_task(inbox.get())]
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert not inbox.empty()
    assert [await taking[0], await inbox.get()] == [1, 2]
    assert inbox.empty()


async def test_a_taker_that_is_cancelled_takes_nothing() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait("first")
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    inbox.put_nowait("second")
    assert [await inbox.get(), await inbox.get()] == ["first", "second"]


async def test_an_empty_inbox_keeps_no_queue() -> None:
    inbox, empty = Inbox(), asyncio.Queue[str]()
    inbox.put_nowait("taken")
    await inbox.get()
    kept = [getattr(inbox, name) for name in Inbox.__slots__]
    assert kept == [None, None]
    assert sys.getsizeof(inbox) < sys.getsizeof(empty._queue)  # type: ignore[attr-defined]
