"""The lists that `domain` keeps of the world are those of the packages whose maintainers follow it."""

import iso4217
import pytest

from docs.generate_reference_lists import modules
from domain.currencies import BESIDE_ISO_4217, CURRENCIES, MINOR_DIGITS
from domain.market_names import MARKETS


def test_the_reference_lists_are_those_of_the_installed_packages() -> None:
    stale = [path.name for path, text in modules().items() if path.read_text() != text]
    assert stale == [], "run `make lists`"


def test_every_currency_has_the_minor_unit_that_the_package_gives_it() -> None:
    listed = {each.code: each.exponent for each in iso4217.Currency}
    assert {code: MINOR_DIGITS[code] for code in CURRENCIES - BESIDE_ISO_4217.keys()} == {
        code: listed[code] for code in CURRENCIES - BESIDE_ISO_4217.keys()
    }


def test_a_code_that_is_kept_beside_the_list_is_not_in_it() -> None:
    listed = {each.code for each in iso4217.Currency}
    assert BESIDE_ISO_4217.keys() & listed == set(), "take it out of BESIDE_ISO_4217"


@pytest.mark.parametrize(
    "code", ["XAU", "XDR", "XXX", "XTS", "CLF", "UYW", "XAD", "USN", "ZZZ", "GBX", "usd"]
)
def test_metals_funds_units_of_account_and_test_codes_are_no_money(code: str) -> None:
    assert code not in CURRENCIES


def test_the_markets_are_those_that_have_a_calendar() -> None:
    assert {"XHKG", "XNYS", "XTKS", "XSES", "NASDAQ"} <= MARKETS
    assert not {"NOPE", "XSHE", "XOSE", "SGX", ""} & MARKETS
