"""A process that stops: newcomers find another, those who are there get what is on its way and a hint."""

import asyncio
from pathlib import Path

import pytest

from subscriptions.connections.protocol import CloseCode
from tests.kit.live_desk import served_desk, until
from tests.kit.patience import FAR_S, PATIENCE_S
from tests.kit.transport_ws_harness import ready, subscribe

STALLED_BYTES, REMARK = 4096, "x" * 20_000
BOUNDS = {"drain_flush_s": FAR_S, "mailbox_frames": 100_000, "mailbox_bytes": 100_000_000}


async def test_a_stopping_process_takes_no_newcomers_while_it_still_sends(tmp_path: Path) -> None:
    async with served_desk(tmp_path, **BOUNDS) as desk:
        async with ready(desk, receive_buffer=STALLED_BYTES) as stalled:
            await subscribe(desk, stalled)
            stalled.stop_reading()
            async with asyncio.timeout(PATIENCE_S):
                while not any(session.depth for session in desk.live.sessions):
                    await desk.publish(50, remark=REMARK)
                    await desk.until_fed()
            desk.server.should_exit = True
            await until(lambda: desk.live.draining)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", desk.port)


async def test_every_connected_client_is_asked_to_reconnect_in_a_moment(tmp_path: Path) -> None:
    async with served_desk(tmp_path) as desk, ready(desk) as socket:
        await subscribe(desk, socket)
        desk.server.should_exit = True
        closed = await socket.closed()
        assert closed.code == CloseCode.SERVICE_RESTART
        assert closed.reason.startswith("the desk restarts: reconnect in ")
