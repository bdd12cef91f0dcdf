"""A smaller book and a market that falls and recovers over and over: the demo's, cut to size.

The spring of 2020 is played forwards and backwards in a few real days, so that cases open and are cured for
as long as a run lasts, whenever a new leader begins the replay anew.
"""

import json
from datetime import date, timedelta
from pathlib import Path

DEMO = Path(__file__).parents[2] / "demo"
EVERY_NTH_CLIENT = 8
BEFORE_THE_FALL, BOTTOM, EVERY_NTH_DAY = "2020-02-19", "2020-03-23", 3
CYCLES = 30


def write_market(directory: Path) -> tuple[Path, Path]:
    """The book file and the file of closing prices."""
    book = json.loads((DEMO / "book.json").read_text())
    book["clients"] = book["clients"][::EVERY_NTH_CLIENT]
    book_file, prices_file = directory / "book.json", directory / "prices.csv"
    book_file.write_text(json.dumps(book))
    prices_file.write_text(_prices((DEMO / "prices.csv").read_text().splitlines()))
    return book_file, prices_file


def _prices(lines: list[str]) -> str:
    header, *days = lines
    fall = [day for day in days if BEFORE_THE_FALL <= day.partition(",")[0] <= BOTTOM][::EVERY_NTH_DAY]
    closes = [day.partition(",")[2] for day in (fall + fall[-2:0:-1]) * CYCLES]
    first = date(2020, 1, 1)
    dated = [f"{first + timedelta(days=number)},{close}" for number, close in enumerate(closes)]
    return "\n".join([header, *dated, ""])
