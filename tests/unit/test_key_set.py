"""Key sets of a login service: which keys count, and what is refused."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.key_set import ALGORITHMS, UnusableKeySet, parse_key_set
from tests.kit.login_service import SigningKey, key_set, signing_key

RSA, EC, ED = (signing_key(algorithm) for algorithm in ALGORITHMS)


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=ALGORITHMS)
def test_a_key_serves_its_own_algorithm_and_no_other(key: SigningKey) -> None:
    keys = parse_key_set(key_set(key.public()), 9)
    assert [each for each in ALGORITHMS if keys.find(key.key_id, each)] == [key.algorithm]


def test_a_key_that_states_neither_use_nor_algorithm_serves_the_one_of_its_type() -> None:
    keys = parse_key_set(key_set(RSA.public(use=..., alg=..., key_ops=["verify"])), 9)
    assert keys.find("first", "RS256") is not None


UNUSABLE: dict[str, Any] = {
    "for encryption": RSA.public(use="enc"),
    "for another algorithm": RSA.public(alg="PS256"),
    "for a symmetric algorithm": RSA.public(alg="HS256"),
    "of another type than its algorithm": EC.public(kty="RSA"),
    "of a type without a curve": EC.public(crv=...),
    "for signing only": ED.public(key_ops=["sign"]),
    "with operations that are no list": ED.public(key_ops="verify"),
    "private": EC.secret(),
    "symmetric": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "kid": "first"},
    "short": SigningKey("first", "RS256", rsa.generate_private_key(65537, 1024)).public(),
    "with an exponent as long as itself": RSA.public(e=RSA.public()["n"]),
    "on another curve": SigningKey("first", "ES384", ec.generate_private_key(ec.SECP384R1())).public(),
    "not on its curve": EC.public(x=EC.public()["y"]),
    "without its number": RSA.public(n=...),
    "with a name that is no text": RSA.public(kid=7),
    "with a name that is too long": RSA.public(kid="x" * 257),
    "no object": "key",
}


@pytest.mark.parametrize("key", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_does_not_fit_is_left_out(key: Any) -> None:
    keys = parse_key_set(key_set(key, ED.public(kid="good")), 9)
    assert (len(keys), keys.left_out) == (1, 1)
    with pytest.raises(UnusableKeySet, match="no public key"):
        parse_key_set(key_set(key), 9)


def test_without_a_name_only_the_single_key_of_an_algorithm_is_found() -> None:
    second = signing_key("ES256", "second")
    assert parse_key_set(key_set(EC.public(), RSA.public()), 9).find(None, "ES256") is not None
    assert parse_key_set(key_set(EC.public(), second.public()), 9).find(None, "ES256") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "no list of keys"),
        (b'{"keys": {}}', "no list of keys"),
        (b'{"keys": []}', "no public key"),
        (key_set(*[RSA.public()] * 4), "more than 3 keys"),
    ],
)
def test_a_text_that_is_no_key_set_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(UnusableKeySet, match=why):
        parse_key_set(text, 3)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["AQAB", "sig", "verify"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_NAMES = st.sampled_from(["kty", "crv", "n", "e", "x", "y", "kid", "use", "alg", "key_ops", "d"])


@given(st.sampled_from([RSA, EC, ED]), st.dictionaries(_NAMES, _JSON, max_size=3))
def test_no_key_breaks_the_reading_of_the_others(key: SigningKey, changes: dict[str, Any]) -> None:
    text = json.dumps({"keys": [key.public() | changes, ED.public(kid="good")]}).encode()
    assert parse_key_set(text, 9).find("good", "EdDSA") is not None
