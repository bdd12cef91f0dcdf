"""The programs, one for each client and way of using it, and what each has to report."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
AUDITS, NODE = HERE / "audits", HERE / "node"
WAY = ("page", "next page", "mutate", "errors", "resume")
"""The steps of a client."""
FETCHED = (*WAY, "other origin")
"""Those of a client whose requests a browser would send."""


@dataclass(frozen=True, slots=True)
class Program:
    """`file` is Python's in this directory, or Node's in the directory where the packages of `source` are."""

    name: str
    file: str
    packages: tuple[str, ...] = ()
    """Those that it tries, in package.json."""
    arguments: tuple[str, ...] = ()
    steps: tuple[str, ...] = WAY
    source: Path = NODE
    needs_manifest: bool = False
    """It is left out where the desk trusts no documents."""

    @property
    def command(self) -> list[str]:
        """To be run in that directory."""
        if self.file.endswith(".py"):
            return [sys.executable, str(HERE / self.file), *self.arguments]
        return ["node", self.file, *self.arguments]

    @property
    def versions(self) -> list[str]:
        """Of the packages."""
        pinned = json.loads((self.source / "package.json").read_text())["dependencies"]
        return [f"{name} {pinned[name]}" for name in self.packages]


CACHED = (*FETCHED, "store", "requests")

PROGRAMS = (
    Program("graphql-http", "audits.mjs", ("graphql-http",), steps=("61 audits",), source=AUDITS),
    Program("graphql-ws", "built/graphql_ws.js", ("graphql-ws",)),
    Program("graphql-sse, distinct connections", "built/graphql_sse.js", ("graphql-sse",), steps=FETCHED),
    Program(
        "graphql-sse, single connection",
        "built/graphql_sse.js",
        ("graphql-sse",),
        ("--single-connection",),
        FETCHED,
    ),
    Program("Apollo Client", "built/apollo.js", ("@apollo/client", "graphql-ws"), steps=CACHED),
    Program("Apollo Client, GET", "built/apollo.js", ("@apollo/client",), ("--get",), CACHED),
    Program("Apollo Client, persisted", "built/apollo.js", ("@apollo/client",), ("--persisted",), CACHED),
    Program("urql", "built/urql.js", ("@urql/core", "graphql-ws"), steps=(*FETCHED, "requests")),
    Program("Relay", "built/relay/relay.js", ("relay-runtime", "graphql-ws"), steps=(*FETCHED, "store")),
    Program(
        "GraphQL Code Generator",
        "built/typed.js",
        ("@graphql-codegen/client-preset",),
        steps=("manifest", "introspection"),
    ),
    Program(
        "trusted documents",
        "built/trusted.js",
        steps=("POST", "GET", "WebSocket", "event stream"),
        needs_manifest=True,
    ),
    Program("gql, HTTP", "gql_client.py"),
    Program("gql, WebSocket", "gql_client.py", arguments=("--websocket",)),
)
