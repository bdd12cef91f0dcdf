"""The worked example on the page of the domain is what the domain computes."""

import re
from pathlib import Path

from docs.worked_example import lines
from domain.liquidation_policy import LiquidationPolicy

PAGE = (Path(__file__).parents[2] / "docs/domain.md").read_text()


def test_the_worked_example_on_the_page_is_current() -> None:
    (shown,) = re.findall(r"<!-- worked example -->\n```\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown.splitlines() == list(lines()), "run `python -m docs.worked_example`"


def test_every_policy_is_on_the_page() -> None:
    missing = {policy for policy in LiquidationPolicy if f"| {policy}" not in PAGE}
    assert not missing, f"explain these policies in docs/domain.md: {missing}"
