"""The log: one shape for the desk and its libraries, and the request id on every line of a request."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.logs import RequestId, configure_logging, current_request_id
from gateway.settings import LogFormat


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def plain(stream: io.StringIO) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[\d*m", "", stream.getvalue())


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_desk_and_libraries_log_json_alike() -> None:
    stream = io.StringIO()
    configure_logging(LogFormat.AUTO, stream)

    structlog.get_logger("desk.liquidate").info("case liquidated", amount=Decimal("1.10"))
    logging.getLogger("uvicorn.error").warning("port %d is taken", 8000)

    first, second = lines(stream)
    assert (first["event"], first["amount"], first["logger"]) == ("case liquidated", "1.10", "desk.liquidate")
    assert (second["event"], second["level"]) == ("port 8000 is taken", "warning")
    assert first["timestamp"].endswith("Z")


def test_traceback_stays_on_one_json_line_without_local_variables() -> None:
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream)
    password = "hunter" + "2"
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger().exception("worker crashed")

    (line,) = lines(stream)
    assert "RuntimeError: boom" in line["exception"]
    assert password not in stream.getvalue()


def test_bytes_that_are_no_request_fill_no_log() -> None:
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream)
    for text in ("Invalid HTTP request received.", "Unsupported upgrade request.", "of another kind"):
        logging.getLogger("uvicorn.error").warning(text)
    assert [line["event"] for line in lines(stream)] == ["of another kind"]


def test_console_traceback_has_no_local_variables() -> None:
    terminal = Terminal()
    configure_logging(LogFormat.CONSOLE, terminal)
    password = "hunter" + "2"
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger().exception("worker crashed")

    assert "RuntimeError: boom" in terminal.getvalue()
    assert password not in terminal.getvalue()


def test_terminal_gets_colour_and_a_file_does_not() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        configure_logging(LogFormat.CONSOLE if stream is file else LogFormat.AUTO, stream)
        structlog.get_logger().info("hello")

    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in file.getvalue()


def test_a_line_for_a_terminal_is_short_and_one_for_a_file_has_its_day_and_module() -> None:
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        configure_logging(LogFormat.CONSOLE, stream)
        structlog.get_logger("gateway.workers.margin").info("case opened", account_no="M1")

    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info +\] case opened +account_no=M1\n", plain(terminal))
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z ", file.getvalue())
    assert "[gateway.workers.margin]" in file.getvalue()


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_none(
    variable: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    configure_logging(LogFormat.AUTO, terminal)
    structlog.get_logger().info("hello")

    assert "hello" in terminal.getvalue()
    assert "\x1b[" not in terminal.getvalue()


async def show_id(request: Request) -> JSONResponse:
    async def later() -> str | None:
        return current_request_id()

    structlog.get_logger().info("served")
    return JSONResponse([current_request_id(), await asyncio.create_task(later())])


async def ask(**headers: str) -> httpx.Response:
    app = Starlette(routes=[Route("/", show_id)], middleware=[Middleware(RequestId)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk") as client:
        return await client.get("/", headers=headers)


async def test_everything_in_a_request_knows_its_id() -> None:
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, stream)

    response = await ask(**{"X-Request-ID": "abc-1"})

    assert response.json() == ["abc-1", "abc-1"]
    assert response.headers["x-request-id"] == "abc-1"
    assert [line["request_id"] for line in lines(stream) if line["event"] == "served"] == ["abc-1"]
    assert current_request_id() is None


@pytest.mark.parametrize("given", [{}, {"X-Request-ID": "a b"}, {"X-Request-ID": "x" * 65}])
async def test_request_without_a_harmless_id_gets_a_new_one(given: dict[str, str]) -> None:
    one, two = await ask(**given), await ask(**given)

    assert len(one.json()[0]) == 32
    assert one.json() != two.json()
