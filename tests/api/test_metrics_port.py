"""`/metrics` on a port of its own: nothing else is there, and nowhere else is it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from socket import create_server, socket

import httpx
import pytest
import pytest_asyncio

from gateway.app import create_app
from gateway.http.server import Server, server_config
from gateway.settings import load_settings
from tests.kit.live_desk import until
from tests.kit.raw_websocket import RawWebSocket

pytestmark = pytest.mark.asyncio(loop_scope="module")


def port_of(listener: socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ports(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[int, int]]:
    """That of the API, and that of the metrics."""
    directory: Path = tmp_path_factory.mktemp("desk")
    listeners = [create_server(("127.0.0.1", 0)) for _ in range(2)]
    settings = load_settings(data_directory=directory, metrics_port=port_of(listeners[1]))
    server = Server(server_config(create_app(settings), settings), announce=lambda: None)
    serving = asyncio.create_task(server.serve(sockets=listeners))
    try:
        await until(lambda: server.started or serving.done())
        yield port_of(listeners[0]), settings.metrics_port or 0
    finally:
        server.should_exit = True
        await serving


async def status(port: int, path: str, host: str = "desk") -> int:
    async with httpx.AsyncClient(verify=False, base_url=f"http://127.0.0.1:{port}") as client:
        return (await client.get(path, headers={"host": host})).status_code


async def test_the_metrics_are_on_their_port_alone(ports: tuple[int, int]) -> None:
    api, metrics = ports
    assert await status(metrics, "/metrics") == 200
    for host in ("desk", f"127.0.0.1:{metrics}"):
        assert await status(api, "/metrics", host) == 404
        assert await status(api, "/%6detrics", host) == 404
    assert await status(api, "/healthz") == 200


async def test_nothing_else_is_on_the_port_of_the_metrics(ports: tuple[int, int]) -> None:
    api, metrics = ports
    for path in ("/", "/graphql", "/graphql/stream", "/reports/margin.csv", "/healthz", "/readyz", "/x"):
        assert await status(metrics, path, f"127.0.0.1:{api}") == 404
    async with RawWebSocket.open(metrics) as socket:
        assert socket.status == 403
