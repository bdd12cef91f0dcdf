"""The undocumented parts of libraries that the code uses are there: see docs/patches.md."""

import asyncio
import contextvars
import inspect
import re
from typing import Any, cast

import asyncpg.pool
import pytest
import strawberry
import uvicorn
from graphql import GraphQLSchema, OperationDefinitionNode, parse, validate
from graphql.execution.values import get_argument_values, get_variable_values
from redis.asyncio import Redis
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField
from tortoise.backends.base.client import TransactionContextPooled
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.context import TortoiseContext, _current_context
from tortoise.migrations import Migration
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.server import ServerProtocol

from models.tables import CaseTable
from resolvers.schema import build_schema
from tests.kit.patience import PATIENCE_S

PARSER_CALLBACKS = (
    "on_message_begin",
    "on_url",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
)


def missing(thing: object, *names: str) -> list[str]:
    """Those of `names` that it does not have."""
    return [name for name in names if not hasattr(thing, name)]


async def _nothing(scope: object, receive: object, send: object) -> None:
    """An ASGI application."""


def _arguments_of_a_protocol() -> dict[str, Any]:
    return {
        "config": uvicorn.Config(cast(Any, _nothing), log_config=None),
        "server_state": ServerState(),
        "app_state": {},
    }


async def test_the_http_protocol_has_the_parts_that_are_used() -> None:
    protocol = HttpToolsProtocol(**_arguments_of_a_protocol())
    assert missing(protocol, "transport", "flow", "loop", "cycle", "scope", "pipeline") == []
    assert missing(protocol, *PARSER_CALLBACKS, "_unset_keepalive_if_required", "shutdown") == []
    assert missing(protocol, "send_400_response") == []
    assert missing(protocol, "data_received", "handle_websocket_upgrade", "timeout_keep_alive_handler") == []
    assert missing(protocol, "pause_writing", "resume_writing") == []
    transport = cast(asyncio.Transport, None)
    flow = FlowControl(transport)
    assert flow.write_paused is False
    log = protocol.logger
    cycle = RequestResponseCycle(
        protocol.scope, transport, flow, log, log, False, [], asyncio.Event(), False, True, lambda: None
    )
    assert missing(cycle, "transport", "scope", "message_event", "on_response") == []
    assert (cycle.disconnected, cycle.response_started, cycle.response_complete) == (False, False, False)
    assert cycle.keep_alive
    assert cycle.more_body


async def test_the_websocket_protocol_has_the_parts_that_are_used() -> None:
    protocol = WebSocketsSansIOProtocol(**_arguments_of_a_protocol())
    assert missing(protocol, "run_asgi", "send", "handle_connect", "handle_cont", "handle_ping") == []
    assert missing(protocol, "handle_close", "handle_parser_exception", "transport", "loop") == []
    assert missing(protocol, "send_receive_event_to_app", "curr_msg_data_type") == []
    assert (protocol.read_paused, protocol.close_sent, protocol.close_timer) == (False, False, None)
    assert (protocol.handshake_complete, protocol.disconnected, protocol.frames) == (False, False, [])
    assert protocol.writable.is_set()
    assert protocol.queue.empty()
    used = set(re.findall(r"\.queue\.(\w+)", inspect.getsource(WebSocketsSansIOProtocol)))
    assert used == {"put_nowait", "get", "empty"}
    assert isinstance(protocol.conn, ServerProtocol)
    assert missing(protocol.conn, "send_close", "data_to_send", "fail", "close_sent", "send_response") == []


async def test_the_server_has_the_parts_that_are_used() -> None:
    config = uvicorn.Config(cast(Any, _nothing), log_config=None)
    server = uvicorn.Server(config)
    assert LifespanOn(config).state == {}
    assert server.server_state.connections == set()
    assert list(inspect.signature(server.startup).parameters) == ["sockets"]
    assert list(inspect.signature(server.shutdown).parameters) == ["sockets"]
    assert list(inspect.signature(server.handle_exit).parameters) == ["sig", "frame"]
    assert (server.started, server.should_exit, server.force_exit) == (False, False, False)


def test_the_database_library_has_the_parts_that_are_used() -> None:
    assert isinstance(_current_context, contextvars.ContextVar)
    assert missing(TortoiseContext, "init", "close_connections") == []
    assert missing(TransactionContextPooled, "client", "token") == []
    assert list(inspect.signature(Migration._run_database_forward).parameters) == [
        "self",
        "operation",
        "old_state",
        "new_state",
        "schema_editor",
        "supports_transactions",
    ]
    assert missing(CaseTable._meta, "db_table", "fields_db_projection") == []
    credentials = expand_db_url("asyncpg://desk@localhost:5432/desk")["credentials"]
    assert {"host", "port", "user", "database"} <= credentials.keys()


def test_connections_expire_without_waiting() -> None:
    pool: Any = object.__new__(asyncpg.pool.Pool)
    assert missing(asyncpg.pool.Pool, "_queue") == missing(asyncio.LifoQueue(), "_getters") == []
    pool._generation = 0
    with pytest.raises(StopIteration):
        pool.expire_connections().send(None)
    assert pool._generation == 1


def test_the_pool_has_the_parts_that_are_used() -> None:
    assert missing(asyncpg.pool.PoolConnectionProxy, "_con", "_holder") == []
    holder = ("_pool", "_generation", "_max_queries", "_timeout", "_release", "_setup_inactive_callback")
    assert missing(asyncpg.pool.PoolConnectionHolder, *holder) == []
    assert missing(asyncpg.pool.Pool, "acquire", "release", "_generation", "_reset") == []
    connection = ("_protocol", "_listeners", "_log_listeners", "_top_xact", "_on_release", "get_reset_query")
    assert missing(asyncpg.Connection, *connection) == []
    protocol = ("_is_cancelling", "is_in_transaction", "queries_count")
    assert missing(asyncpg.protocol.protocol.BaseProtocol, *protocol) == []


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return build_schema()


async def test_the_graphql_library_has_the_parts_that_are_used(schema: strawberry.Schema) -> None:
    core = schema._schema
    assert isinstance(core, GraphQLSchema)
    assert core.subscription_type is not None
    definition = core.subscription_type.fields["caseEvents"].extensions["strawberry-definition"]
    assert isinstance(definition, StrawberryField)
    assert missing(definition, "is_basic_field", "python_name", "arguments") == []
    assert schema.schema_converter.scalar_registry
    assert list(inspect.signature(convert_arguments).parameters)[:4] == [
        "value",
        "arguments",
        "scalar_registry",
        "config",
    ]
    both = (
        "mutation { requestSettingChange(input: {setting: {exemption: {}, amountRule: {}}}) { __typename } }"
    )
    assert validate(core, parse(both), [OneOfInputValidationRule])


def test_variables_are_coerced_to_values_or_a_list_of_errors(schema: strawberry.Schema) -> None:
    core = schema._schema
    document = parse("subscription ($after: String) { caseEvents(after: $after) { cursor } }")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = operation.variable_definitions or ()
    assert isinstance(get_variable_values(core, variables, {"after": 1}, max_errors=20), list)
    values = get_variable_values(core, variables, {"after": "here"}, max_errors=20)
    assert not isinstance(values, list)
    assert core.subscription_type is not None
    field: Any = operation.selection_set.selections[0]
    assert get_argument_values(core.subscription_type.fields["caseEvents"], field, values)["after"] == "here"


async def test_a_redis_command_without_a_socket_timeout_is_sent_without_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server answers every command with OK, so that the client sends all it has to say."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith(b"*"):
                for _ in range(2 * int(line[1:])):
                    await reader.readline()
                writer.write(b"+OK\r\n")
        writer.close()

    def refuse(*_: object) -> None:
        raise AssertionError("asyncio.wait_for was used")

    async with asyncio.timeout(PATIENCE_S), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client: Any = Redis.from_url(f"redis://127.0.0.1:{port}?protocol=2", socket_timeout=None)
        monkeypatch.setattr(asyncio, "wait_for", refuse)
        assert await client.execute_command("SET", "a", "b") in (True, b"OK")
        monkeypatch.undo()
        await client.aclose()
