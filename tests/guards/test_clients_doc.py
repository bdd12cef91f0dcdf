"""The page on clients shows the code that `make conformance` runs, and the versions that it installs."""

from docs.generate_clients import PAGE, PROGRAMS, render


def test_the_page_on_clients_is_current() -> None:
    page = PAGE.read_text()
    assert page == render(page), "run `make docs`"


def test_the_page_shows_every_program_that_has_code_for_it() -> None:
    marked = {
        path for path in PROGRAMS.rglob("*.*") if path.suffix in (".ts", ".py") and _marked(path.read_text())
    }
    page = PAGE.read_text()
    missing = [path for path in marked if f"<!-- generated: {path.relative_to(PROGRAMS)} -->" not in page]
    assert marked
    assert not missing, f"show these programs in docs/clients.md: {missing}"


def _marked(program: str) -> bool:
    return any(line.startswith(("// doc: ", "# doc: ")) for line in program.splitlines())


def test_the_guard_notices_another_version_and_other_code() -> None:
    page = PAGE.read_text()
    for changed in ("| `graphql-ws` | 6", "retryAttempts: Infinity"):
        assert changed in page
        assert render(page.replace(changed, changed.replace("6", "5").replace("Infinity", "1"))) == page
