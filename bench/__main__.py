"""`python -m bench [NAME ...]`: measure these, or everything; bench/README.md explains each."""

import argparse
from collections.abc import Callable, Mapping

from bench import liquidate, margin, snapshot, start, tables, tick, what_if, worst_document

BENCHES: Mapping[str, Callable[[], None]] = {
    "margin": margin.main,
    "liquidate": liquidate.main,
    "tick": tick.main,
    "start": start.main,
    "snapshot": snapshot.main,
    "what_if": what_if.main,
    "worst_document": worst_document.main,
}


def main() -> None:
    """Each prints what it found and writes bench/results/<name>.json; the tables follow from these."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the desk.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHES)}; default: all")
    names = parser.parse_args().names or list(BENCHES)
    if unknown := set(names) - BENCHES.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name in names:
        print(f"== {name}")
        BENCHES[name]()
    tables.write()


if __name__ == "__main__":
    main()
