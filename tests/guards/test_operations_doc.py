"""The operator's page explains every warning and error that the desk logs, every metric and every command."""

import ast
import re
from pathlib import Path

from gateway.cli.commands import cli
from tests.kit.metric_names import metric_names
from tests.kit.source import PRODUCT, modules, of_outages

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()
GRAVE = {"warning", "error", "critical", "exception"}


def event_of(node: ast.AST) -> str | None:
    """The event of a call such as log.warning("event", ...)."""
    match node:
        case ast.Assign(targets=[ast.Name(id="event" | "begins")], value=ast.Constant(value=str(event))):
            return event
        case ast.Call(func=ast.Attribute(attr=level), args=[ast.Constant(value=str(event)), *_]) if (
            level in GRAVE
        ):
            return event
    return None


def logged() -> set[str]:
    trees = (tree for _, tree in modules(*PRODUCT))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {event for node in nodes if (event := event_of(node))} | {
        event for node in nodes for event in of_outages(node)
    }


def test_every_warning_is_explained() -> None:
    assert len(logged()) > 10
    missing = {event for event in logged() if f"`{event}`" not in PAGE}
    assert not missing, f"say in the tables of docs/operations.md, Logs, what to do about {missing}"


def test_every_metric_is_explained() -> None:
    assert len(metric_names()) > 10
    missing = {name for name in metric_names() if not re.search(rf"`{name}[{{`]", PAGE)}
    assert not missing, f"say in the table of docs/operations.md, Metrics, what is counted by {missing}"


def test_every_command_is_listed() -> None:
    names = {
        command.name or command.callback.__name__ for command in cli.registered_commands if command.callback
    }
    missing = {name for name in names if f"| `{name}" not in PAGE}
    assert not missing, f"say in the table of docs/operations.md, Commands, what is done by {missing}"
