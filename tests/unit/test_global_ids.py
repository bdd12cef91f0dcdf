"""Global ids: what one is made of, and what makes the same one for a quarter of the time."""

from hypothesis import given
from hypothesis import strategies as st

from resolvers.kit.node import beginning_of_id, end_of_id, global_id, type_and_id

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=12)


@given(TEXTS, TEXTS)
def test_a_global_id_is_its_beginning_and_its_end(common: str, rest: str) -> None:
    beginning = beginning_of_id("Position", common)
    assert (beginning is None) is (len(f"Position:{common}".encode()) % 3 != 0)
    if beginning is not None:
        assert beginning + end_of_id(rest) == global_id("Position", common + rest)


def test_the_ids_of_the_positions_of_an_account_have_a_common_beginning() -> None:
    assert beginning_of_id("Position", f"{'0' * 32}:") is not None
    assert type_and_id(global_id("Position", "a:700.HK")) == ("Position", "a:700.HK")
