"""Which address of a client counts, and how many places each has."""

import pytest

from gateway.http.addresses import Addresses, Places

ADDRESSES = Addresses(["127.0.0.0/8", "::1/128", "10.0.0.7/32"])


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("10.0.0.8", "10.0.0.8"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("x" * 5000, "x" * 64),
        ("127.0.0.1", None),
        ("::1", None),
        ("10.0.0.7", None),
        ("::ffff:127.0.0.1", None),
    ],
)
def test_addresses_that_belong_together_count_as_one_and_a_proxy_as_none(
    host: str, counted: str | None
) -> None:
    assert ADDRESSES.of((host, 50_000)) == counted


def test_a_unix_socket_has_no_address() -> None:
    assert ADDRESSES.of(None) is None


def test_places_are_limited_for_each_address_and_free_again_when_left() -> None:
    places = Places(2)
    assert [places.take("a"), places.take("a"), places.take("a"), places.take("b")] == [
        True,
        True,
        False,
        True,
    ]
    assert places.full("a")
    places.leave("a")
    assert not places.full("a")
    assert places.take("a")
    assert [places.take(None) for _ in range(3)] == [True] * 3
    places.leave(None)
