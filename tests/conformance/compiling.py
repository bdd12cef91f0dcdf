"""Everything that happens before a program runs: packages, generated code, types."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.conformance.programs import AUDITS, NODE
from tests.kit.node_packages import installed, node_environment
from tests.kit.source import ROOT

FILES = ("codegen.ts", "relay.config.json", "tsconfig.json", "compile_relay.mjs")
COMMANDS = {
    "operations and types by GraphQL Code Generator": ("node_modules/.bin/graphql-codegen",),
    "operations by Relay's compiler": ("node_modules/.bin/relay-compiler",),
    "types, checked strictly": ("node_modules/.bin/tsc",),
    "Relay's operations, put into the program": ("node", "compile_relay.mjs"),
}


class NotCompiled(Exception):
    """A command failed; the message is what it printed."""


def compiled(say: Callable[[str], None]) -> Mapping[Path, Path]:
    """Where the programs of each source can be run; those of `NODE` are compiled against schema.graphql."""
    directory = installed(NODE, FILES, say)
    for made in ("src", "built"):
        shutil.rmtree(directory / made, ignore_errors=True)
    shutil.copytree(NODE / "src", directory / "src")
    shutil.copy(ROOT / "schema.graphql", directory)
    for what, command in COMMANDS.items():
        say(what)
        done = subprocess.run(
            command, cwd=directory, env=node_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotCompiled(f"{what}: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return {NODE: directory, AUDITS: installed(AUDITS, ("audits.mjs",), say)}
