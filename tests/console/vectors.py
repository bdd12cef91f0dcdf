"""Decimal texts with what Python makes of them, for the console's tests: `python -m tests.console.vectors`.

Writes console/tests/vectors.json; a test fails if the file is not what this makes.
"""

import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise
from random import Random

from domain.currencies import MINOR_DIGITS
from domain.money import plain_text
from tests.kit.source import ROOT

FILE = ROOT / "console/tests/vectors.json"
SEED = 20260301
CHOSEN = (
    "0 -0.001 0.005 -0.005 0.0049999999 0.015 1.005 2.675 -2.675 999.995 -999.995 0.5 -0.5 1.5 2.5 1234.5 "
    "1000000 12345678901234567890 -12345678901234567890.125 99999999999999999999.9999999999 0.0000000001 "
    "-0.0000000001 9007199254740993 9007199254740992.5 0.1 0.2 0.30000000000000004 152800.5 219 36.01"
).split()
RANDOM = 150
MOST_WHOLE, MOST_FRACTION = 20, 10
DIGITS_SHOWN = (0, 2, 3)
SUMMED = 40


def texts() -> list[str]:
    """The chosen ones, and random ones of every length that the API may send."""
    random = Random(SEED)
    drawn = [_drawn(random) for _ in range(RANDOM)]
    return [*CHOSEN, *(plain_text(Decimal(text)) for text in drawn)]


def _drawn(random: Random) -> str:
    whole = random.randrange(10 ** random.randint(1, MOST_WHOLE))
    digits = random.randint(0, MOST_FRACTION)
    fraction = f".{random.randrange(10**digits):0{digits}}" if digits else ""
    return f"{random.choice(('', '-'))}{whole}{fraction}"


def shown(text: str, digits: int) -> str:
    """Rounded half up, in groups of three; a result of zero has no sign."""
    with localcontext(prec=MOST_WHOLE + MOST_FRACTION + 2):
        value = Decimal(text).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
        return f"{value if value else abs(value):,f}"


def vectors() -> dict[str, object]:
    """All that the file contains."""
    all_texts = texts()
    with localcontext(prec=100):
        values = [Decimal(text) for text in all_texts]
        pairs = [*pairwise(all_texts), *((text, text + "00") for text in all_texts if "." in text)]
        return {
            "digits": dict(sorted(MINOR_DIGITS.items())),
            "shown": [[text, digits, shown(text, digits)] for text in all_texts for digits in DIGITS_SHOWN],
            "compared": [[a, b, int(Decimal(a).compare(Decimal(b)))] for a, b in pairs],
            "ascending": [plain_text(value) for value in sorted(set(values))],
            "sums": [
                [
                    all_texts[start : start + SUMMED],
                    plain_text(sum(values[start : start + SUMMED], Decimal())),
                ]
                for start in range(0, len(all_texts), SUMMED)
            ],
        }


def rendered() -> str:
    """The text of the file: one vector a line, so that a change can be read."""
    parts = []
    for name, rows in vectors().items():
        lines = (
            [json.dumps(row) for row in rows]
            if isinstance(rows, list)
            else [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in dict(rows).items()]  # type: ignore[call-overload]
        )
        opening, closing = "[]" if isinstance(rows, list) else "{}"
        parts.append(f'  "{name}": {opening}\n    ' + ",\n    ".join(lines) + f"\n  {closing}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(rendered())
