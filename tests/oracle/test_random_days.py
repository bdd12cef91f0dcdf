"""On random days, the desk at rest holds exactly what an independent recomputation of its tables demands."""

import os
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from models.book import load_all_account_ids
from models.sql.database import fetch
from tests.oracle.compare import differences
from tests.oracle.dump import dump
from tests.oracle.life import Life, a_life
from tests.oracle.recompute import Limits, verdicts

DAYS_IN_A_LIFE = 10
LIVES = int(os.environ.get("ORACLE_LIVES", "20"))
"""`make test-days` lives through 1,000 lives, which are 10,000 days."""
SHORT = 4
"""As many lives are lived in `make test`; the others in `make test-faults`."""
FIRST_SEED = int(os.environ.get("ORACLE_FIRST_SEED", "0"))
EVENTS_SHOWN = 60


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(FIRST_SEED + life, marks=[pytest.mark.faults] if life >= SHORT else [])
        for life in range(LIVES)
    ],
)
async def test_the_desk_at_rest_agrees_with_the_recomputation(
    seed: int, migrated_sqlite: Path, tmp_path: Path
) -> None:
    async with a_life(migrated_sqlite, tmp_path, seed) as life:
        for day in range(DAYS_IN_A_LIFE):
            await life.day()
            found = differences(await dump(), life.truth, life.now, Limits()) + await wrong_figures(life)
            found += life.wrong_plans
            assert not found, _report(life, day, found)
            await life.night()


async def wrong_figures(life: Life) -> list[str]:
    """Where the figures that the desk shows differ from the recomputed ones, to the last digit."""
    found = []
    expected = verdicts(await dump(), life.now, Limits())
    for account_id in await load_all_account_ids():
        rows = await fetch("SELECT account_no FROM account WHERE id = $1", account_id)
        verdict, shown = expected[rows[0]["account_no"]], await life.kit.figures(account_id)
        assert {each.name for each in fields(shown)} >= verdict.figures.keys()
        for name, value in verdict.figures.items():
            if Fraction(getattr(shown, name)) != value:
                found.append(f"{verdict.account_no}: {name} {getattr(shown, name)}, not {float(value)}")
        if shown.stale != verdict.stale:
            found.append(f"{verdict.account_no}: stale is {shown.stale}")
    return found


def _report(life: Life, day: int, found: list[str]) -> str:
    return "\n".join([f"day {day}", *found, "", "what happened last:", *life.history[-EVENTS_SHOWN:]])
