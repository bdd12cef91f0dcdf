"""Nothing in the repository is true on one machine only: no absolute home, no package index."""

import re

import pytest

from tests.kit.source import ROOT, tracked_files

_ONE_MACHINE = re.compile(
    r"""(?<![\w.~}>-]) / (?:home|root|Users|work|mnt|opt) / \w              # somebody's directory
      | \b(?:pypi|pythonhosted|npmjs|npmmirror|anaconda)\.(?:org|com|io)    # a public index
      | --(?:extra-)?index-url[ =]+\S*:// | --find-links[ =]+[\w/.]         # an index chosen for everybody
      | https?://[^\s"']*/simple\b | \bfile:///                             # a mirror
    """,
    re.VERBOSE,
)


def found_in(text: str) -> list[str]:
    return [match.group() for match in _ONE_MACHINE.finditer(text)]


def test_tracked_files_name_no_machine_and_no_package_index() -> None:
    broken = {
        str(path.relative_to(ROOT)): places
        for path in tracked_files()
        if (places := found_in(path.read_text(errors="replace")))
    }
    assert not broken, f"remove what is true on one machine only, or names a package index: {broken}"


@pytest.mark.parametrize(
    "parts",
    [
        ("/ho", "me/me/desk"),
        ("see /wo", "rk/main"),
        ("https://py", "pi.org/simple"),
        ("--index-", "url https://mirror.example"),
        ("--extra-index-", "url=https://mirror.example"),
        ("resolved: https://registry.np", "mjs.org/x"),
        ("fi", "le:///srv/wheels"),
    ],
    ids="".join,
)
def test_guard_notices_a_machine_or_an_index(parts: tuple[str, str]) -> None:
    assert found_in("".join(parts))


@pytest.mark.parametrize(
    "text",
    ["sqlite:///var/desk.sqlite3", "docs/work/plan.md", "$HOME/desk", "--no-emit-index-url", "../root/x"],
)
def test_guard_leaves_ordinary_text_alone(text: str) -> None:
    assert not found_in(text)
