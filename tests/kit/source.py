"""The project's own source as data, for the guards: parsed modules and small questions to a syntax tree."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "outages",
    "domain",
    "models",
    "desk",
    "resolvers",
    "subscriptions",
    "venues",
    "feeds",
    "messages",
    "gateway",
)


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax tree) of every module in `folders` that has any code."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            if text.strip():
                yield str(path.relative_to(ROOT)), ast.parse(text)


def of_outages(node: ast.AST) -> list[str]:
    """Both events of an outage, the last words in OutageLog("begins", "ends") and OutageLogs("of", ...)."""
    match node:
        case ast.Call(func=ast.Name(id="OutageLog" | "OutageLogs"), args=args):
            words = [arg.value for arg in args if isinstance(arg, ast.Constant)]
            return [word for word in words[-2:] if isinstance(word, str)]
    return []


def tracked_files() -> list[Path]:
    """What git would clone, as far as it exists here."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def dotted(node: ast.AST) -> str:
    """`a.b.c` of such an expression; of another, what can be said: `f().b` is `.b`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def calls(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, call) of every call in `nodes` and below."""
    for node in nodes:
        for child in ast.walk(node):
            if isinstance(child, ast.Call):
                yield dotted(child.func), child


def imported_roots(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """(top-level package, statement) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node
