"""Authentication: a signed token becomes a `Principal`.

A token is a JWT signed with HS256 and no other algorithm, so neither `none` nor a public key used as a secret
is accepted. Everything in doubt is refused: an unknown permission, a claim of the wrong type, `accounts` that
is null. Time is passed in; the wall clock is never read.
"""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.principal import Audience, Permission, Principal, is_the_desk
from domain.text import MAX_SUBJECT_LENGTH, subject_form
from venues.paper import PaperSettings

ALGORITHM = "HS256"
ISSUER = "margin-call-desk"
AUDIENCE = "margin-call-desk"
REFERENCE_NAMES = {
    "RiskWarningFull": Permission.RISK_WARNING_FULL,
    "RiskWarningReadOnly": Permission.RISK_WARNING_READ_ONLY,
    "RiskSettingFull": Permission.RISK_SETTING_FULL,
    "MarginCallFull": Permission.RISK_WARNING_OPERATOR,
    "RiskCreditFull": Permission.RISK_WARNING_READ_ONLY,
}
"""Permission names of the reference product, which tokens may use as well.

Each stands for the role with most of its rights, and never for more: that MarginCallFull may sell is not
documented, and no role changes credit alone.
"""

_SETTINGS = "RISK_SETTING_FULL changes settings, AUDITOR reads them"
NO_ROLE_FOR = {
    "RiskOptionHaircutFull": _SETTINGS,
    "lb_hk_margin_call.margin_call_auto_batch_forccconfig": _SETTINGS,
    "risk_config.risk_rules_manager_query": _SETTINGS,
    "lb_hk_credit_limit.credit_limit_para_qurey": _SETTINGS,
    "lb_hk_credit_limit.credit_limit_para_update": _SETTINGS,
    "lb_hk_credit_limit.lb_credit_limit": _SETTINGS,
    "credit_limit.client_group_query": _SETTINGS,
    "credit_limit.client_group_operation": _SETTINGS,
    "billing.short_selling_*": "RISK_WARNING_OPERATOR handles borrowed stock",
    "admin.general_whale_api": "SERVICE is for machines",
}
"""Refused keys of the reference product, with the nearest role: every role may do more than they mean."""

_PERMISSIONS = REFERENCE_NAMES | {permission.value: permission for permission in Permission}
_SHORT_SELLING = re.compile(r"^billing\.short_selling_\w+$", re.ASCII)
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
    CLAIMS = "TOKEN_CLAIMS"
    REVOKED = "TOKEN_REVOKED"


class Unauthenticated(Exception):
    """The caller cannot be authenticated; `code` and `message` may be shown to the caller."""

    def __init__(self, code: TokenFault, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


NumericDate = Annotated[float, Field(ge=0, le=_LATEST, allow_inf_nan=False)]


class _Claims(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    sub: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_LENGTH)]
    exp: NumericDate
    iat: NumericDate
    nbf: NumericDate = 0
    permissions: list[str]
    accounts: list[str] = []

    def account_scope(self) -> frozenset[str] | None:
        """None, i.e. every account, only if the claim is absent: an empty list means no account."""
        return frozenset(self.accounts) if "accounts" in self.model_fields_set else None


class TokenVerifier:
    """Verifies tokens, also against revocations of their subjects.

    The first of `secrets` is the current one; tokens signed with an older one are accepted as well.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        leeway_s: float,
        revoked_at: Callable[[str], datetime | None] = lambda _: None,
    ) -> None:
        self._revoked_at = revoked_at
        self._secrets = tuple(secrets)
        self._leeway = timedelta(seconds=leeway_s)

    def verify(self, token: str, now: datetime) -> Principal:
        """The principal that the token names at `now`; raises `Unauthenticated`."""
        claims = _parse(self._decoded(token))
        subject = _subject(claims.sub)
        issued_at = datetime.fromtimestamp(claims.iat, UTC)
        expires_at = datetime.fromtimestamp(claims.exp, UTC)
        self._require_still_good(subject, issued_at, expires_at, now)
        valid_from = datetime.fromtimestamp(max(claims.iat, claims.nbf), UTC)
        if now < valid_from - self._leeway:
            raise Unauthenticated(TokenFault.CLAIMS, "The token is not valid yet.")
        audience = Audience(_permissions(claims.permissions), claims.account_scope())
        return Principal(subject, audience, issued_at, expires_at)

    def _decoded(self, token: str) -> dict[str, Any]:
        current, *older = self._secrets
        for secret in older:
            with suppress(Unauthenticated):
                return _decode(token, secret)
        return _decode(token, current)

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


def permission_named(name: str) -> Permission:
    """The permission with this name, or with this name of the reference product; raises `ValueError`."""
    near = NO_ROLE_FOR.get(_SHORT_SELLING.sub("billing.short_selling_*", name))
    if near is not None:
        raise ValueError(f"every permission of this desk would allow more than {name[:80]!r} does: {near}")
    try:
        return _PERMISSIONS[name]
    except KeyError:
        raise ValueError(
            f"no permission is named {name[:50]!r}: use one of {', '.join(each.name for each in Permission)}"
        ) from None


def _decode(token: str, secret: str) -> dict[str, Any]:
    if not token:
        raise Unauthenticated(TokenFault.MISSING, "A token is required.")
    if not token.isascii():
        raise Unauthenticated(TokenFault.MALFORMED, "The token is not a JSON Web Token.")
    options: Any = {
        "require": ["sub", "exp", "iat", "iss", "aud"],
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "strict_aud": True,
    }
    try:
        return jwt.decode(
            token, secret, algorithms=[ALGORITHM], options=options, audience=AUDIENCE, issuer=ISSUER
        )
    except jwt.InvalidAlgorithmError:
        raise Unauthenticated(TokenFault.ALGORITHM, f"Tokens must be signed with {ALGORITHM}.") from None
    except jwt.InvalidSignatureError:
        raise Unauthenticated(TokenFault.FORGED, "The token's signature is invalid.") from None
    except jwt.DecodeError:
        raise Unauthenticated(TokenFault.MALFORMED, "The token is not a JSON Web Token.") from None
    except jwt.InvalidTokenError as error:
        raise Unauthenticated(TokenFault.CLAIMS, f"The token is invalid: {error}.") from None


def _parse(claims: dict[str, Any]) -> _Claims:
    try:
        return _Claims.model_validate(claims)
    except ValidationError as error:
        names = sorted({str(fault["loc"][0]) for fault in error.errors()})
        raise Unauthenticated(
            TokenFault.CLAIMS, f"The token lacks a valid claim {', '.join(names)}."
        ) from None


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
