"""Node programs of the tests, installed from their lock files in the build directory."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.source import ROOT

MISTAKES = ("EUSAGE", "EJSONPARSE", "EINTEGRITY", "ERESOLVE")
"""What npm says of a package.json or a lock file that is wrong; that a registry is away is said otherwise."""


def installed(source: Path, names: Sequence[str]) -> Path:
    """The directory with these files and their packages, one for each version of the files; skips the test
    where Node is missing.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(f"NOT RUN: {source.name} needs node and npm, version 20 or newer, on the PATH")
    files = [source / name for name in names]
    version = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    directory = ROOT / "build" / f"{source.name}-{version}"
    complete = directory / "installed"
    if complete.exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, directory)
    npm = subprocess.run(["npm", "ci"], cwd=directory, capture_output=True, text=True)
    if npm.returncode:
        why = npm.stderr.strip()[-200:]
        assert not any(code in npm.stderr for code in MISTAKES), why
        pytest.skip(f"NOT RUN: npm cannot install {source.name}: {why}")
    complete.touch()
    return directory
