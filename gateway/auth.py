"""Authentication: a signed token becomes a `Principal`.

A token is a JWT, either of the desk itself (`OwnTokens`) or of a login service (`gateway.login_tokens`),
never of both. The desk's own are signed with HS256 and no other algorithm, so neither `none` nor a public key
used as a secret is accepted. Everything in doubt is refused: an unknown permission, a claim of the wrong
type, `accounts` that is null. Time is passed in; the wall clock is never read.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol

import jwt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from domain.principal import Audience, Permission, Principal, is_the_desk
from domain.text import MAX_SUBJECT_LENGTH, subject_form
from gateway.permission_names import permission_named
from venues.paper import PaperSettings

ALGORITHM = "HS256"
ISSUER = "margin-call-desk"
AUDIENCE = "margin-call-desk"
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


VENUES = frozenset({PaperSettings().name})
"""The included venues, which the audit names as actors of their reports."""


class TokenFault(StrEnum):
    """The fault of a refused token."""

    MISSING = "TOKEN_MISSING"
    MALFORMED = "TOKEN_MALFORMED"
    EXPIRED = "TOKEN_EXPIRED"
    FORGED = "TOKEN_FORGED"
    ALGORITHM = "TOKEN_ALGORITHM"
    KEY_UNKNOWN = "TOKEN_KEY_UNKNOWN"
    CLAIMS = "TOKEN_CLAIMS"
    REVOKED = "TOKEN_REVOKED"


class Unauthenticated(Exception):
    """The caller cannot be authenticated; `code` and `message` may be shown to the caller.

    `retry_after_s`: the same token may be accepted then.
    """

    def __init__(self, code: TokenFault, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


NumericDate = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]


def _storable(text: str) -> str:
    """Raises ValueError for half of a character or NUL, which no column has and no statement takes."""
    text.encode()
    if "\0" in text:
        raise ValueError("a text without NUL")
    return text


class Claims(BaseModel):
    """What a token states, by the names of the desk's own tokens; the signature was verified."""

    model_config = ConfigDict(strict=True, frozen=True)

    sub: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_LENGTH)]
    exp: NumericDate
    iat: NumericDate
    nbf: NumericDate = 0
    permissions: list[str]
    accounts: list[Annotated[str, AfterValidator(_storable)]] = []

    def account_scope(self) -> frozenset[str] | None:
        """None, i.e. every account, only if the claim is absent: an empty list means no account."""
        return frozenset(self.accounts) if "accounts" in self.model_fields_set else None


class Tokens(Protocol):
    """The tokens of one issuer."""

    @property
    def keys(self) -> object:
        """What verifies the tokens now; another object as soon as that may have changed."""
        ...

    def claims(self, token: str) -> Claims:
        """What the token states, if its signature is the issuer's; raises `Unauthenticated`."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What every token of an issuer has; `exact_audience`: no other audience beside it."""

    issuer: str
    audience: str
    exact_audience: bool
    claims: tuple[str, ...] = ("exp", "iat", "iss", "aud")


_OWN = Expected(ISSUER, AUDIENCE, exact_audience=True, claims=("sub", "exp", "iat", "iss", "aud"))


class OwnTokens:
    """Tokens that the desk signs itself.

    The first of `secrets` is the current one; tokens signed with an older one are accepted as well.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    @property
    def keys(self) -> object:
        """See `Tokens`."""
        return self._secrets

    def claims(self, token: str) -> Claims:
        """See `Tokens`."""
        return parse(self._decoded(token))

    def _decoded(self, token: str) -> dict[str, Any]:
        current, *older = self._secrets
        for secret in older:
            with suppress(Unauthenticated):
                return decode(token, secret, ALGORITHM, _OWN)
        return decode(token, current, ALGORITHM, _OWN)


KNOWN_FOR = timedelta(minutes=1)
"""Then the signature is verified again, and before that if the keys have changed. The time and revocations
count for every request.
"""
KNOWN_TOKENS_MAX = 1024
KNOWN_CHARACTERS_MAX = 4096
"""Longer tokens are verified for every request."""


@dataclass(frozen=True, slots=True)
class _KnownToken:
    """What a verified token states, when it was read, and with which keys."""

    keys: object
    principal: Principal
    valid_from: datetime
    read_at: datetime


class TokenVerifier:
    """Verifies tokens, also against revocations of their subjects."""

    def __init__(
        self,
        tokens: Tokens,
        leeway_s: float,
        revoked_at: Callable[[str], datetime | None] = lambda _: None,
    ) -> None:
        self._revoked_at = revoked_at
        self._tokens = tokens
        self._leeway = timedelta(seconds=leeway_s)
        self._known: OrderedDict[str, _KnownToken] = OrderedDict()
        """Tokens whose signature was verified a moment ago: a dashboard sends its token with every request,
        and to verify it takes a seventh of the time of a page.
        """

    def verify(self, token: str, now: datetime) -> Principal:
        """The principal that the token names at `now`; raises `Unauthenticated`."""
        known = self._known.get(token)
        if (
            known is None
            or known.keys is not self._tokens.keys
            or not known.read_at <= now < known.read_at + KNOWN_FOR
        ):
            known = self._read(token, now)
        principal = known.principal
        self.verify_again(principal, now)
        if now < known.valid_from - self._leeway:
            raise Unauthenticated(TokenFault.CLAIMS, "The token is not valid yet.")
        return principal

    def _read(self, token: str, now: datetime) -> "_KnownToken":
        keys, claims = self._tokens.keys, self._tokens.claims(token)
        issued_at = datetime.fromtimestamp(claims.iat, UTC)
        expires_at = datetime.fromtimestamp(claims.exp, UTC)
        audience = Audience(_permissions(claims.permissions), claims.account_scope())
        principal = Principal(_subject(claims.sub), audience, issued_at, expires_at)
        known = _KnownToken(keys, principal, datetime.fromtimestamp(max(claims.iat, claims.nbf), UTC), now)
        if len(token) <= KNOWN_CHARACTERS_MAX:
            self._known[token] = known
            self._known.move_to_end(token)
            if len(self._known) > KNOWN_TOKENS_MAX:
                self._known.popitem(last=False)
        return known

    def verify_again(self, principal: Principal, now: datetime) -> None:
        """Check again what may have ended since the token was verified; raises `Unauthenticated`."""
        self._require_still_good(
            principal.subject, principal.token_issued_at, principal.token_expires_at, now
        )

    def _require_still_good(
        self, subject: str, issued_at: datetime, expires_at: datetime, now: datetime
    ) -> None:
        if now >= expires_at + self._leeway:
            raise Unauthenticated(TokenFault.EXPIRED, "The token has expired: get a new token.")
        revoked_at = self._revoked_at(subject)
        if revoked_at is not None and issued_at <= revoked_at:
            raise Unauthenticated(
                TokenFault.REVOKED, "The access of this subject was revoked: ask the desk's operator."
            )


def issue(
    secret: str,
    subject: str,
    permissions: Collection[Permission],
    accounts: Collection[str] | None,
    minutes: int,
    now: datetime,
) -> str:
    """A token for `subject`, valid for `minutes` from `now`. `accounts` None: every account; empty: none."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=minutes)).timestamp()),
        "permissions": sorted(permissions),
    }
    if accounts is not None:
        claims["accounts"] = sorted(accounts)
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def bearer(header: str | None) -> str:
    """The token in the value of an Authorization header; raises `Unauthenticated`."""
    if not header:
        raise Unauthenticated(TokenFault.MISSING, "A token is required: send Authorization: Bearer <token>.")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(TokenFault.MALFORMED, "The Authorization header must read: Bearer <token>.")
    return token.strip()


def is_reserved(subject: str) -> bool:
    """Whether the name stands for the desk, a part of it, or a venue in the audit.

    The subject is in the form of `domain.text.subject_form`.
    """
    return is_the_desk(subject) or subject in {subject_form(venue) for venue in VENUES}


def require_text(token: str) -> None:
    """Raises `Unauthenticated` if it cannot be a token."""
    if not token:
        raise Unauthenticated(TokenFault.MISSING, "A token is required.")
    if not token.isascii():
        raise Unauthenticated(TokenFault.MALFORMED, "The token is not a JSON Web Token.")


def decode(token: str, key: str | jwt.PyJWK, algorithm: str, expected: Expected) -> dict[str, Any]:
    """The payload of a token that is signed with the key by the algorithm; raises `Unauthenticated`."""
    require_text(token)
    options: Any = {
        "require": expected.claims,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "strict_aud": expected.exact_audience,
    }
    issuer, audience = expected.issuer, expected.audience
    try:
        return jwt.decode(
            token, key, algorithms=[algorithm], options=options, audience=audience, issuer=issuer
        )
    except jwt.InvalidAlgorithmError:
        raise Unauthenticated(TokenFault.ALGORITHM, f"Tokens must be signed with {algorithm}.") from None
    except jwt.InvalidSignatureError:
        raise Unauthenticated(TokenFault.FORGED, "The token's signature is invalid.") from None
    except jwt.DecodeError:
        raise Unauthenticated(TokenFault.MALFORMED, "The token is not a JSON Web Token.") from None
    except jwt.InvalidTokenError as error:
        raise Unauthenticated(TokenFault.CLAIMS, f"The token is invalid: {error}.") from None


def parse(claims: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Claims:
    """The claims, if they are valid; `names` are those by which the token has them. Raises
    `Unauthenticated`.
    """
    try:
        return Claims.model_validate(claims)
    except ValidationError as error:
        invalid = {str(fault["loc"][0]) for fault in error.errors()}
        shown = ", ".join(sorted((names or {}).get(name, name) for name in invalid))
        raise Unauthenticated(TokenFault.CLAIMS, f"The token lacks a valid claim {shown}.") from None


def _subject(claimed: str) -> str:
    """The subject in its single form, in which one person has one name everywhere; raises
    `Unauthenticated`.
    """
    try:
        subject = subject_form(claimed)
    except ValueError as reason:
        raise Unauthenticated(TokenFault.CLAIMS, f"The token's subject must be {reason}.") from None
    if is_reserved(subject):
        raise Unauthenticated(
            TokenFault.CLAIMS, "The token's subject is reserved for the desk itself or a venue."
        )
    return subject


def _permissions(names: list[str]) -> frozenset[Permission]:
    try:
        return frozenset(map(permission_named, names))
    except ValueError as error:
        raise Unauthenticated(TokenFault.CLAIMS, f"The token is invalid: {error}.") from None
