"""The page on the state machines shows the tables as they are."""

from docs.generate_state_machines import PAGE, render
from domain.order_states import OrderStatus, OrderTrigger


def test_the_state_machine_page_is_current() -> None:
    page = PAGE.read_text()
    assert page == render(page), "run `python -m docs.generate_state_machines`"


def test_the_guard_notices_a_row_that_is_not_in_the_tables() -> None:
    page = PAGE.read_text()
    row = f"| {OrderStatus.QUEUED} | {OrderTrigger.SENT} | {OrderStatus.PENDING_NEW} |"
    assert row in page
    assert render(page.replace(row, row.replace("PENDING_NEW", "NEW"))) == page


def test_the_page_draws_every_machine() -> None:
    assert PAGE.read_text().count("stateDiagram-v2") == 5
