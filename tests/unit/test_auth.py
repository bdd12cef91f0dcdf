"""Tokens: what is let in, as whom, and how everything else is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.principal import Capability, Permission
from gateway.auth import (
    AUDIENCE,
    ISSUER,
    KNOWN_CHARACTERS_MAX,
    KNOWN_FOR,
    KNOWN_TOKENS_MAX,
    Claims,
    OwnTokens,
    TokenFault,
    TokenVerifier,
    Unauthenticated,
    bearer,
    issue,
)

SECRET = "a-secret-of-the-tests-that-is-long-enough"
NOW = datetime(2020, 3, 16, 14, 30, tzinfo=UTC)
VERIFIER = TokenVerifier(OwnTokens([SECRET]), leeway_s=5)


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """A valid token except for `changes`; a claim changed to `...` is left out.

    The payload is signed as bytes, because PyJWT refuses to encode some invalid claims.
    """
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "trader",
        "iat": NOW.timestamp(),
        "exp": (NOW + timedelta(hours=1)).timestamp(),
        "permissions": ["RISK_WARNING_FULL"],
    } | changes
    present = {name: value for name, value in claims.items() if value is not ...}
    return jwt.PyJWS().encode(json.dumps(present).encode(), secret, algorithm=algorithm)


def fault_of(token: str, now: datetime = NOW) -> TokenFault:
    with pytest.raises(Unauthenticated) as caught:
        VERIFIER.verify(token, now)
    return caught.value.code


def by_hand(header: object, payload: object, signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (header, payload)]
    return ".".join(part.rstrip("=") for part in (*parts, signature))


def test_issued_token_names_its_principal() -> None:
    token = issue(SECRET, "trader", [Permission.RISK_WARNING_FULL], ["A1", "A2"], 60, NOW)

    principal = VERIFIER.verify(token, NOW)

    assert principal.subject == "trader"
    assert principal.token_expires_at == NOW + timedelta(minutes=60)
    assert principal.audience.may(Capability.LIQUIDATE)
    assert principal.audience.account_scope == frozenset({"A1", "A2"})


def test_token_without_accounts_is_for_every_account() -> None:
    token = issue(SECRET, "trader", [Permission.RISK_WARNING_READ_ONLY], None, 60, NOW)
    assert VERIFIER.verify(token, NOW).audience.covers("A1")


def test_token_with_no_account_is_for_no_account() -> None:
    token = issue(SECRET, "trader", [Permission.RISK_WARNING_READ_ONLY], [], 60, NOW)
    assert not VERIFIER.verify(token, NOW).audience.covers("A1")


def test_token_without_a_permission_sees_nothing() -> None:
    audience = VERIFIER.verify(signed(permissions=[]), NOW).audience
    assert not audience.may_see
    assert not audience.covers("A1")


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("RiskWarningFull", Permission.RISK_WARNING_FULL),
        ("RiskWarningReadOnly", Permission.RISK_WARNING_READ_ONLY),
        ("RiskSettingFull", Permission.RISK_SETTING_FULL),
        ("MarginCallFull", Permission.RISK_WARNING_OPERATOR),
        ("RiskCreditFull", Permission.RISK_WARNING_READ_ONLY),
        *((permission.value, permission) for permission in Permission),
    ],
)
def test_permission_is_known_by_its_names(name: str, permission: Permission) -> None:
    assert VERIFIER.verify(signed(permissions=[name]), NOW).audience.permissions == {permission}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RiskOptionHaircutFull", "RISK_SETTING_FULL"),
        ("lb_hk_margin_call.margin_call_auto_batch_forccconfig", "RISK_SETTING_FULL"),
        ("risk_config.risk_rules_manager_query", "AUDITOR"),
        ("lb_hk_credit_limit.credit_limit_para_qurey", "AUDITOR"),
        ("credit_limit.client_group_operation", "RISK_SETTING_FULL"),
        ("billing.short_selling_query", "RISK_WARNING_OPERATOR"),
        ("admin.general_whale_api", "SERVICE"),
    ],
)
def test_key_that_no_role_is_small_enough_for_is_refused_with_what_comes_near(name: str, near: str) -> None:
    with pytest.raises(Unauthenticated, match=near) as refused:
        VERIFIER.verify(signed(permissions=["RISK_WARNING_READ_ONLY", name]), NOW)
    assert refused.value.code is TokenFault.CLAIMS
    assert name in refused.value.message


def test_names_of_the_reference_that_mean_no_selling_do_not_sell() -> None:
    for name in ("MarginCallFull", "RiskCreditFull", "RiskWarningReadOnly", "RiskSettingFull"):
        audience = VERIFIER.verify(signed(permissions=[name]), NOW).audience
        assert not audience.may(Capability.LIQUIDATE, Capability.CLOSE_CASE)


def test_token_holds_until_its_expiry_and_the_leeway() -> None:
    token = issue(SECRET, "trader", [Permission.AUDITOR], None, 1, NOW)
    end = NOW + timedelta(minutes=1, seconds=5)

    assert VERIFIER.verify(token, end - timedelta(microseconds=1)).subject == "trader"
    assert fault_of(token, end) is TokenFault.EXPIRED


def test_token_from_the_future_is_refused_beyond_the_leeway() -> None:
    token = signed(iat=NOW.timestamp() + 5)
    assert VERIFIER.verify(token, NOW).subject == "trader"
    assert fault_of(token, NOW - timedelta(seconds=1)) is TokenFault.CLAIMS
    assert fault_of(signed(nbf=NOW.timestamp() + 60)) is TokenFault.CLAIMS


def test_token_signed_with_another_secret_is_forged() -> None:
    assert fault_of(signed(secret="another-secret-that-is-also-long-enough")) is TokenFault.FORGED


def test_token_with_changed_claims_is_forged() -> None:
    header, _, signature = signed().split(".")
    _, payload, _ = signed(sub="someone else").split(".")
    assert fault_of(f"{header}.{payload}.{signature}") is TokenFault.FORGED


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_token_signed_with_another_algorithm_is_refused(algorithm: str) -> None:
    token = signed(secret=SECRET * 2, algorithm=algorithm)
    with pytest.raises(Unauthenticated) as caught:
        TokenVerifier(OwnTokens([SECRET * 2]), leeway_s=0).verify(token, NOW)
    assert caught.value.code is TokenFault.ALGORITHM


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "RS256"])
def test_unsigned_token_is_refused(name: str) -> None:
    payload = jwt.decode(signed(), options={"verify_signature": False})
    assert fault_of(by_hand({"alg": name, "typ": "JWT"}, payload)) is TokenFault.ALGORITHM


@pytest.mark.parametrize("token", ["abc", "a.b.c", "..", "é.é.é", "\ud800.a.b", by_hand([], {})])
def test_a_text_that_is_no_token_is_malformed(token: str) -> None:
    assert fault_of(token) is TokenFault.MALFORMED


@given(st.text())
def test_no_text_is_let_in_or_breaks_the_verifier(text: str) -> None:
    with pytest.raises(Unauthenticated):
        VERIFIER.verify(text, NOW)


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "permissions"])
def test_missing_claim_is_refused(claim: str) -> None:
    without: dict[str, Any] = {claim: ...}
    assert fault_of(signed(**without)) is TokenFault.CLAIMS


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody else"},
        {"aud": "something else"},
        {"aud": [AUDIENCE, "something else"]},
        {"sub": ""},
        {"sub": 7},
        {"sub": "system"},
        {"sub": "desk"},
        {"sub": "desk:monitor"},
        {"sub": "PAPER"},
        {"sub": "Paper"},
        {"sub": " SYSTEM "},
        {"sub": "Desk:Monitor"},
        {"sub": "\uff30\uff21\uff30\uff25\uff32"},
        {"exp": "2030-01-01"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 1e300},
        {"exp": None},
        {"permissions": "RISK_WARNING_FULL"},
        {"permissions": ["ROOT"]},
        {"permissions": [7]},
        {"permissions": None},
        {"accounts": None},
        {"accounts": "A1"},
        {"accounts": [1]},
        {"accounts": ["A1", "A\ud800"]},
        {"accounts": ["A\0"]},
    ],
    ids=ascii,
)
def test_improper_claim_is_refused(change: dict[str, Any]) -> None:
    assert fault_of(signed(**change)) is TokenFault.CLAIMS


def test_empty_token_is_missing() -> None:
    assert fault_of("") is TokenFault.MISSING


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "  Bearer   abc "])
def test_bearer_finds_the_token(header: str) -> None:
    assert bearer(header) == "abc"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, TokenFault.MISSING),
        ("", TokenFault.MISSING),
        ("Basic abc", TokenFault.MALFORMED),
        ("Bearer", TokenFault.MALFORMED),
        ("abc", TokenFault.MALFORMED),
    ],
)
def test_header_without_a_token_is_refused(header: str | None, code: TokenFault) -> None:
    with pytest.raises(Unauthenticated) as caught:
        bearer(header)
    assert caught.value.code is code


class CountedTokens:
    """Counts how often a signature is verified; `withdrawn`: the key is."""

    def __init__(self) -> None:
        self.verified = 0
        self.withdrawn = False

    @property
    def keys(self) -> object:
        return None

    def claims(self, token: str) -> Claims:
        self.verified += 1
        if self.withdrawn:
            raise Unauthenticated(TokenFault.FORGED, "The key is withdrawn.")
        return OwnTokens([SECRET]).claims(token)


def test_a_token_that_comes_again_is_not_verified_again_for_a_minute() -> None:
    tokens = CountedTokens()
    verifier = TokenVerifier(tokens, leeway_s=5)
    token = signed()
    principals = [verifier.verify(token, NOW + timedelta(seconds=each)) for each in (0, 30, 59)]
    assert principals == [principals[0]] * 3
    assert tokens.verified == 1
    tokens.withdrawn = True
    verifier.verify(token, NOW + KNOWN_FOR - timedelta(seconds=1))
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token, NOW + KNOWN_FOR)
    assert caught.value.code is TokenFault.FORGED


def test_a_known_token_ends_in_time_and_with_the_access_of_its_subject() -> None:
    revoked: dict[str, datetime] = {}
    verifier = TokenVerifier(OwnTokens([SECRET]), leeway_s=5, revoked_at=revoked.get)
    token = signed(exp=(NOW + timedelta(seconds=20)).timestamp())
    verifier.verify(token, NOW)
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token, NOW + timedelta(seconds=26))
    assert caught.value.code is TokenFault.EXPIRED
    revoked["trader"] = NOW
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token, NOW)
    assert caught.value.code is TokenFault.REVOKED


def test_as_many_tokens_are_known_as_may_be() -> None:
    tokens = CountedTokens()
    verifier = TokenVerifier(tokens, leeway_s=5)
    first = signed(sub="first")
    verifier.verify(first, NOW)
    for number in range(KNOWN_TOKENS_MAX):
        verifier.verify(signed(sub=f"subject {number}"), NOW)
    verifier.verify(first, NOW)
    assert tokens.verified == KNOWN_TOKENS_MAX + 2
    long = signed(more="x" * KNOWN_CHARACTERS_MAX)
    verifier.verify(long, NOW)
    verifier.verify(long, NOW)
    assert tokens.verified == KNOWN_TOKENS_MAX + 4
