"""The public keys of a login service, from its JSON Web Key Set (RFC 7517).

A key verifies by exactly one algorithm, which follows from its type and never from a token. Keys that are
private, symmetric, for another use or another algorithm, too weak or too costly are left out.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHM_OF: Mapping[tuple[str, str | None], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""The algorithm of a key, by its type and curve."""
ALGORITHMS = tuple(ALGORITHM_OF.values())
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
"""RFC 7518 section 3.3, and what a verification may cost."""
RSA_EXPONENT_BITS_MAX = 32
"""An exponent as long as the key makes each verification take a tenth of a second; the usual one has 17 bits.
"""
KEY_ID_CHARACTERS_MAX = 256
_USES = (None, "sig")


class UnusableKeySet(ValueError):
    """The text is no key set, or has no usable key; the message says why."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys, by key id (None: a key without one) and algorithm."""

    keys: Mapping[str | None, Mapping[str, jwt.PyJWK]]
    left_out: int = 0
    """The number of other keys."""

    def __len__(self) -> int:
        return sum(map(len, self.keys.values()))

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that name; without a name the only key of the algorithm, if it is the only one."""
        if key_id is not None:
            return self.keys.get(key_id, {}).get(algorithm)
        fitting = [of_id[algorithm] for of_id in self.keys.values() if algorithm in of_id]
        return fitting[0] if len(fitting) == 1 else None


NO_KEYS = KeySet({})


def parse_key_set(text: bytes, keys_max: int) -> KeySet:
    """The key set in the text; raises `UnusableKeySet`."""
    stated = _keys_stated(text)
    if len(stated) > keys_max:
        raise UnusableKeySet(f"the key set has more than {keys_max} keys")
    keys: defaultdict[str | None, dict[str, jwt.PyJWK]] = defaultdict(dict)
    for each in stated:
        if (key := _usable(each)) is not None:
            keys[key.key_id].setdefault(key.algorithm_name, key)
    found = KeySet(dict(keys))
    if not found:
        raise UnusableKeySet(f"the key set has no public key for {', '.join(ALGORITHMS)}")
    return KeySet(found.keys, left_out=len(stated) - len(found))


def _keys_stated(text: bytes) -> list[Any]:
    try:
        document = orjson.loads(text)
    except ValueError:
        raise UnusableKeySet("the key set is not JSON") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise UnusableKeySet("the key set has no list of keys")
    return keys


def _usable(stated: Any) -> jwt.PyJWK | None:
    algorithm = _algorithm_of(stated) if isinstance(stated, dict) else None
    if algorithm is None or not _is_for_signatures(stated, algorithm):
        return None
    try:
        key = jwt.PyJWK(stated, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if _is_strong(key.key) else None


def _algorithm_of(stated: dict[str, Any]) -> str | None:
    kind, curve = stated.get("kty"), stated.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return None
    return ALGORITHM_OF.get((kind, curve))


def _is_for_signatures(stated: dict[str, Any], algorithm: str) -> bool:
    """Whether the key is public, and neither its use nor its algorithm is stated to be another one."""
    key_id, operations = stated.get("kid"), stated.get("key_ops", ["verify"])
    return (
        "d" not in stated
        and stated.get("use") in _USES
        and stated.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(key_id, str | None)
        and len(key_id or "") <= KEY_ID_CHARACTERS_MAX
    )


def _is_strong(key: object) -> bool:
    if not isinstance(key, RSAPublicKey):
        return True
    exponent = key.public_numbers().e
    return RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX and exponent.bit_length() <= RSA_EXPONENT_BITS_MAX
