"""Tokens of a login service: verified with its public keys, and read by the names that it uses.

Only keys that the desk has read itself count. A token that brings a key, or says where one is, is refused,
and so is one whose algorithm is not that of the key it names. `HS256` is none of the algorithms, so a public
key never serves as a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from domain.principal import Permission
from gateway.auth import Claims, Expected, TokenFault, Unauthenticated, decode, parse, require_text
from gateway.key_set import ALGORITHMS, KeySet

_BROUGHT_KEYS = ("jwk", "x5c", "x5u")
"""Headers that bring a key, or say where one is; `jku` is one too, but may name the desk's own address."""
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
"""The types of access tokens (RFC 9068); others, such as `logout+jwt`, are no access tokens."""
_COPIED = ("exp", "iat", "nbf")


class Keys(Protocol):
    """The keys of the login service that the desk has read."""

    @property
    def usable(self) -> KeySet:
        """Those that verify tokens now."""
        ...

    @property
    def refetch_s(self) -> float:
        """The shortest time between two readings."""
        ...

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key; None if it is not known (yet)."""
        ...


@dataclass(frozen=True, slots=True)
class LoginTerms:
    """What the login service's tokens have, and where."""

    issuer: str
    audience: str
    subject_claim: str = "sub"
    permissions_claim: str = "permissions"
    accounts_claim: str = "accounts"
    accounts_required: bool = False
    roles: Mapping[str, frozenset[Permission]] | None = None
    """What each role grants; None: the token names permissions itself."""
    keys_url: str | None = None
    """Where the desk reads the keys; a token may repeat it."""

    def claims_in(self, payload: Mapping[str, Any]) -> Claims:
        """The claims under the desk's names; raises `Unauthenticated`."""
        names = {
            "sub": self.subject_claim,
            "permissions": self.permissions_claim,
            "accounts": self.accounts_claim,
        }
        found = {name: payload[name] for name in _COPIED if name in payload}
        for name, claim in names.items():
            is_there, value = _claim(payload, claim)
            if is_there:
                found[name] = value
        if self.accounts_required and "accounts" not in found:
            raise Unauthenticated(TokenFault.CLAIMS, f"The token lacks the claim {self.accounts_claim}.")
        if "permissions" in found:
            found["permissions"] = self._granted(found["permissions"])
        return parse(found, names)

    def _granted(self, stated: object) -> object:
        """The names of permissions; what is neither a list nor a text is left for the check of types."""
        names = stated.split() if isinstance(stated, str) else stated
        if (
            self.roles is None
            or not isinstance(names, list)
            or not all(isinstance(each, str) for each in names)
        ):
            return names
        return sorted({granted.value for name in names for granted in self.roles.get(name, ())})


class LoginTokens:
    """Implements `gateway.auth.Tokens`."""

    def __init__(self, keys: Keys, terms: LoginTerms) -> None:
        self._keys = keys
        self._terms = terms
        self._expected = Expected(terms.issuer, terms.audience, exact_audience=False)

    @property
    def keys(self) -> object:
        """See `gateway.auth.Tokens`."""
        return self._keys.usable

    def claims(self, token: str) -> Claims:
        """See `gateway.auth.Tokens`."""
        require_text(token)
        header = _header(token)
        algorithm = self._algorithm(header)
        key = self._keys.find(header.get("kid"), algorithm)
        if key is None:
            raise Unauthenticated(
                TokenFault.KEY_UNKNOWN,
                "The key that signed the token is not known: the keys of the login service are being read "
                "again, so try again in some seconds.",
                retry_after_s=self._keys.refetch_s,
            )
        return self._terms.claims_in(decode(token, key, algorithm, self._expected))

    def _algorithm(self, header: Mapping[str, Any]) -> str:
        """Raises `Unauthenticated` if the header cannot be that of an access token of the service."""
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Unauthenticated(
                TokenFault.ALGORITHM, f"Tokens must be signed with one of {', '.join(ALGORITHMS)}."
            )
        brought = [name for name in _BROUGHT_KEYS if name in header]
        if brought or header.get("jku", self._terms.keys_url) != self._terms.keys_url:
            raise Unauthenticated(
                TokenFault.FORGED, f"The token must not bring a key ({', '.join(brought) or 'jku'})."
            )
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            raise Unauthenticated(TokenFault.CLAIMS, "The token is not an access token (typ).")
        return str(algorithm)


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise Unauthenticated(TokenFault.MALFORMED, "The token is not a JSON Web Token.") from None


def _claim(payload: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Whether the claim is there, and its value; by its whole name first, which may contain dots."""
    if name in payload:
        return True, payload[name]
    value: Any = payload
    for part in name.split("."):
        if not isinstance(value, dict):
            return True, None
        if part not in value:
            return False, None
        value = value[part]
    return True, value
