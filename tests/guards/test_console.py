"""The console fits the schema, keeps its layers and its size, and lets no float near an amount."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import DocumentNode, GraphQLSchema, build_schema, concat_ast, parse, validate

from tests.kit.source import ROOT, tracked_files

CONSOLE = ROOT / "console"
BUILT = ROOT / "build/console"
FIRST_PAGE_BYTES, ALL_BYTES = 60_000, 160_000
"""Of scripts and styles, compressed: what the first page loads, and whatever a page may load."""
LAYERS = {
    "exact": set(),
    "words": set(),
    "style": set(),
    "parts": {"exact", "words", "style"},
    "api": set(),
    "live": {"exact", "api"},
    "grid": {"exact", "style"},
    "screens": {"parts", "grid", "live", "api", "exact", "words", "style"},
}
"""What a folder of the sources may import of others. The files beside the folders may import any."""
NEUTRAL = ("api/clock.ts", "parts/composed.ts")
"""They know nothing of the desk, so that every folder may import them."""
CONVERTERS = ("api/", "parts/plot")
"""No amount passes the first, except as a text; the second draws them, where no digit can be read."""
_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']""")
_TO_FLOAT = re.compile(
    r"\b(?:Number|parseFloat|parseInt|Number\.parse\w+)\(|(?:^|[=(,:?&|>]|return)\s*\+[A-Za-z_(]"
)
_COMMENT = re.compile(r"//.*|/\*.*?\*/", re.DOTALL)


def sources() -> Iterator[tuple[str, str]]:
    """(path below console/src, text) of the scripts."""
    for path in sorted((CONSOLE / "src").rglob("*.ts*")):
        name = path.relative_to(CONSOLE / "src").as_posix()
        if name != "api/operations.ts":
            yield name, path.read_text()


def locks() -> list[Path]:
    return [path for path in tracked_files() if path.name == "package-lock.json"]


def faults(schema: GraphQLSchema, documents: list[str]) -> list[str]:
    """What is wrong with documents that may use each other's fragments."""
    whole: DocumentNode = concat_ast([parse(each) for each in documents])
    return [error.message for error in validate(schema, whole)]


def upward(name: str, text: str) -> Iterator[str]:
    """Imports of a folder that the importing one must not know."""
    folder, _, rest = name.partition("/")
    if not rest:
        return
    for target in _IMPORT.findall(text):
        path = (CONSOLE / "src" / name).parent / target
        reached = Path(path.resolve()).relative_to(CONSOLE / "src").as_posix().split("/")
        if "/".join(reached) in NEUTRAL:
            continue
        if len(reached) == 1 or (reached[0] != folder and reached[0] not in LAYERS[folder]):
            yield f"{name}: {target}"


def conversions(name: str, text: str) -> Iterator[str]:
    """Places at which a text could become a float."""
    if not name.startswith(CONVERTERS):
        code = _COMMENT.sub("", text)
        yield from (f"{name}: {found.group().strip()}" for found in _TO_FLOAT.finditer(code))


def loaded_by(manifest: dict[str, dict[str, list[str]]], name: str) -> set[str]:
    """The files that a page loads together with this entry of the manifest."""
    entry = manifest[name]
    files = {str(entry["file"]), *entry.get("css", [])}
    return files.union(*(loaded_by(manifest, each) for each in entry.get("imports", [])))


def compressed(files: set[str]) -> int:
    return sum(len(gzip.compress((BUILT / name).read_bytes())) for name in files)


def test_every_operation_fits_the_schema() -> None:
    documents = [path.read_text() for path in sorted((CONSOLE / "operations").glob("*.graphql"))]
    assert documents
    schema = build_schema((ROOT / "schema.graphql").read_text())
    assert not faults(schema, documents), "mend console/operations/"


def test_guard_notices_a_field_that_is_not_in_the_schema() -> None:
    schema = build_schema("type Query { a: Int }")
    assert faults(schema, ["query Q { ...F }", "fragment F on Query { b }"])
    assert not faults(schema, ["query Q { ...F }", "fragment F on Query { a }"])


def test_folders_import_only_those_below_them() -> None:
    found = [line for name, text in sources() for line in upward(name, text)]
    assert not found, f"these imports go upwards; LAYERS says what may know what: {found}"


def test_guard_notices_an_import_that_goes_upwards() -> None:
    assert list(upward("live/x.ts", 'import { a } from "../grid/y.ts";'))
    assert list(upward("live/x.ts", 'import { a } from "../app.tsx";'))
    assert list(upward("live/x.ts", 'const a = await import("../screens/y.tsx");'))
    assert not list(upward("live/x.ts", 'import { a } from "../api/y.ts";\nimport { b } from "./z.ts";'))
    assert not list(upward("app.tsx", 'import { a } from "./screens/y.tsx";'))


def test_no_float_comes_near_an_amount() -> None:
    found = [line for name, text in sources() for line in conversions(name, text)]
    assert not found, f"compare and show amounts as text (console/src/exact): {found}"


@pytest.mark.parametrize(
    "text", ["Number(a)", "x = +amount", "f(+a)", "return +a", "parseFloat(a)", "a ? +b : c"]
)
def test_guard_notices_a_conversion_to_a_float(text: str) -> None:
    assert list(conversions("screens/x.ts", text))
    assert not list(conversions("parts/plot.tsx", text))
    assert not list(conversions("screens/x.ts", f"// {text}"))


@pytest.mark.parametrize("text", ["a + b", "i += 1", "i++", "isNumber(a)", '"a" + b', "Number.isInteger(a)"])
def test_guard_leaves_sums_and_questions_alone(text: str) -> None:
    assert not list(conversions("screens/x.ts", text))


@pytest.mark.parametrize("path", locks(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_lock_file_of_npm_has_hashes_and_no_host(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    bought = {name: package for name, package in packages.items() if name}
    assert bought
    assert not [name for name, package in bought.items() if "resolved" in package], "see .npmrc"
    assert not [name for name, package in bought.items() if "integrity" not in package]


@pytest.mark.parametrize("name", ["console", "console/explorer"])
def test_direct_packages_have_exact_versions(name: str) -> None:
    wanted = json.loads((ROOT / name / "package.json").read_text())["dependencies"]
    assert not [each for each in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", each[1])]


def test_there_is_one_preact_and_no_package_pulls_an_older_one_in() -> None:
    packages = json.loads((CONSOLE / "package-lock.json").read_text())["packages"]
    versions = [package["version"] for name, package in packages.items() if name.endswith("/preact")]
    assert len(versions) == 1
    assert versions[0].startswith("11.")


def test_the_pages_stay_small_and_their_notices_are_shipped() -> None:
    if not (BUILT / ".vite/manifest.json").exists():
        pytest.skip("NOT RUN: the pages are not built: `make console`")
    manifest = json.loads((BUILT / ".vite/manifest.json").read_text())
    first = compressed(loaded_by(manifest, "index.html"))
    every = compressed(set().union(*(loaded_by(manifest, name) for name in manifest)))
    assert first <= FIRST_PAGE_BYTES, f"the first page loads {first} bytes"
    assert every <= ALL_BYTES, f"the pages load {every} bytes"
    assert "preact" in (BUILT / "licences.md").read_text()
