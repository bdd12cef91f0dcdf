"""The migrations are one line: two of them that go on from the same one would leave tables in doubt."""

import ast
from collections import Counter
from pathlib import Path

MIGRATIONS = Path("models/migrations")


def ends(dependencies: dict[str, list[str]]) -> list[str]:
    """The migrations that no other goes on from."""
    gone_on_from = {before for each in dependencies.values() for before in each}
    return sorted(dependencies.keys() - gone_on_from)


def forks(dependencies: dict[str, list[str]]) -> list[str]:
    """The migrations that several go on from."""
    counted = Counter(before for each in dependencies.values() for before in each)
    return sorted(name for name, count in counted.items() if count > 1)


def _dependencies() -> dict[str, list[str]]:
    """Of each migration those that it goes on from; the first has none."""
    found: dict[str, list[str]] = {}
    for path in sorted(MIGRATIONS.glob("[0-9]*.py")):
        found[path.stem] = []
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "dependencies":
                found[path.stem] = [name for _, name in ast.literal_eval(node.value)]
    return found


def test_each_migration_goes_on_from_the_one_before_and_only_the_newest_is_an_end() -> None:
    found = _dependencies()
    names = sorted(found)
    assert ends(found) == names[-1:]
    assert forks(found) == []
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]


def test_the_guard_notices_two_ends() -> None:
    two: dict[str, list[str]] = {"0001_a": [], "0002_b": ["0001_a"], "0002_c": ["0001_a"]}
    assert ends(two) == ["0002_b", "0002_c"]
    assert forks(two) == ["0001_a"]
