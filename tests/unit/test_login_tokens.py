"""Tokens of a login service: what is accepted, under which names, and how everything else is refused."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from domain.principal import Permission, Principal
from gateway.auth import ALGORITHM, TokenFault, TokenVerifier, Unauthenticated, issue
from gateway.key_set import ALGORITHMS, KeySet, parse_key_set
from gateway.login_tokens import LoginTerms, LoginTokens
from tests.kit.login_service import AUDIENCE, ISSUER, SigningKey, claims, key_set, signing_key

NOW = datetime(2020, 3, 16, 14, 30, tzinfo=UTC)
KEYS_URL = "https://login.example/keys"
RSA, EC, ED = (signing_key(algorithm, algorithm) for algorithm in ALGORITHMS)
KEYS = parse_key_set(key_set(RSA.public(), EC.public(), ED.public()), 9)
TERMS = LoginTerms(ISSUER, AUDIENCE, keys_url=KEYS_URL)


class Read:
    """Keys that the desk has read, and may read again."""

    def __init__(self, usable: KeySet = KEYS) -> None:
        self.usable = usable

    @property
    def refetch_s(self) -> float:
        return 5.0

    def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        return self.usable.find(key_id, algorithm)


def verified(token: str, terms: LoginTerms = TERMS, now: datetime = NOW) -> Principal:
    return TokenVerifier(LoginTokens(Read(), terms), leeway_s=5).verify(token, now)


def fault_of(token: str, terms: LoginTerms = TERMS) -> TokenFault:
    with pytest.raises(Unauthenticated) as caught:
        verified(token, terms)
    return caught.value.code


def by_hand(header: dict[str, Any], payload: dict[str, Any], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (header, payload)]
    return ".".join(part.rstrip("=") for part in (*parts, signature))


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=ALGORITHMS)
def test_a_token_of_each_algorithm_names_its_principal(key: SigningKey) -> None:
    principal = verified(key.token(NOW, accounts=["A1"]))

    assert principal.subject == "trader"
    assert principal.audience.permissions == {Permission.RISK_WARNING_FULL}
    assert principal.audience.account_scope == frozenset({"A1"})


@pytest.mark.parametrize(
    "headers",
    [{"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": ...}, {"jku": KEYS_URL}, {"kid": ...}],
    ids=str,
)
def test_a_header_of_an_access_token_is_accepted(headers: dict[str, Any]) -> None:
    assert verified(EC.token(NOW, headers)).subject == "trader"


def test_the_subject_has_its_normal_form() -> None:
    assert verified(EC.token(NOW, sub="  \uff34rader ")).subject == "trader"


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=ALGORITHMS)
@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER, None], ids=str)
def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(key: SigningKey, form: Any) -> None:
    """The attack by confusion of algorithms; `form` None: the key as the key set states it."""
    secret = json.dumps(key.public()).encode()
    if form is not None:
        secret = key.private.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": key.key_id}
    unsigned = by_hand(header, claims(NOW)).rstrip(".")
    digest = hmac.digest(secret, unsigned.encode(), "sha256")
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")

    assert fault_of(f"{unsigned}.{signature}") is TokenFault.ALGORITHM


def test_a_token_of_the_desk_itself_is_refused() -> None:
    own = issue("a-secret-of-the-tests-that-is-long-enough", "trader", [Permission.AUDITOR], None, 60, NOW)
    assert jwt.get_unverified_header(own)["alg"] == ALGORITHM
    assert fault_of(own) is TokenFault.ALGORITHM


@pytest.mark.parametrize(
    "name", ["none", "None", "NONE", "HS256", "HS512", "PS256", "RS384", "ES384", "", None, 7, ["RS256"]]
)
def test_a_token_with_another_algorithm_is_refused(name: Any) -> None:
    assert fault_of(by_hand({"alg": name, "kid": "RS256"}, claims(NOW))) is TokenFault.ALGORITHM


@pytest.mark.parametrize(
    "headers",
    [
        {"jku": "https://attacker.example/keys"},
        {"jku": f"{KEYS_URL}#@attacker.example"},
        {"jku": [KEYS_URL]},
        {"x5u": "https://attacker.example/certificate"},
        {"x5u": None},
        {"x5c": ["MII"]},
        {"jwk": signing_key("ES256", "attacker").public()},
    ],
    ids="-".join,
)
def test_a_token_that_brings_a_key_is_refused(headers: dict[str, Any]) -> None:
    attacker = signing_key("ES256", "attacker")
    assert fault_of(attacker.token(NOW, {"kid": "ES256"} | headers)) is TokenFault.FORGED
    assert fault_of(EC.token(NOW, headers)) is TokenFault.FORGED, "even if its signature is the service's"


def test_a_token_of_a_key_with_the_name_of_another_one_is_forged() -> None:
    for key in (RSA, EC, ED):
        other = signing_key(key.algorithm, "other")
        assert fault_of(other.token(NOW, {"kid": key.key_id})) is TokenFault.FORGED


@pytest.mark.parametrize("kid", ["unknown", "", "ES256", "../RS256", "RS256\x00"])
def test_a_token_of_an_unknown_key_may_be_tried_again(kid: str) -> None:
    """Neither a wrong name nor a name of a key of another type leads to a key."""
    assert fault_of(RSA.token(NOW, {"kid": kid})) is TokenFault.KEY_UNKNOWN


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"typ": "logout+jwt"}, TokenFault.CLAIMS),
        ({"typ": "dpop+jwt"}, TokenFault.CLAIMS),
        ({"crit": ["exp"], "exp": 0}, TokenFault.MALFORMED),
        ({"kid": 7}, TokenFault.MALFORMED),
    ],
    ids=str,
)
def test_a_header_of_another_kind_of_token_is_refused(headers: dict[str, Any], fault: TokenFault) -> None:
    header = {"alg": "ES256", "kid": "ES256", "typ": "JWT"} | headers
    assert fault_of(by_hand(header, claims(NOW))) is fault


def test_a_token_with_changed_claims_is_forged() -> None:
    for key in (RSA, EC, ED):
        header, _, signature = key.token(NOW).split(".")
        _, payload, _ = key.token(NOW, sub="head").split(".")
        assert fault_of(f"{header}.{payload}.{signature}") is TokenFault.FORGED
        assert fault_of(f"{header}.{payload}.") is TokenFault.FORGED


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": [ISSUER]},
        {"iss": ...},
        {"aud": "account"},
        {"aud": ["account"]},
        {"aud": {AUDIENCE: 1}},
        {"aud": []},
        {"aud": ...},
        {"exp": ...},
        {"iat": ...},
        {"exp": True},
        {"sub": ...},
        {"sub": "system"},
        {"sub": ["trader"]},
        {"permissions": ...},
        {"permissions": None},
        {"permissions": {"RISK_WARNING_FULL": True}},
        {"permissions": ["ROOT"]},
        {"permissions": [7]},
        {"accounts": None},
        {"accounts": "A1"},
        {"iat": NOW.timestamp() + 60},
        {"nbf": NOW.timestamp() + 60},
    ],
    ids=str,
)
def test_an_improper_claim_is_refused(change: dict[str, Any]) -> None:
    assert fault_of(EC.token(NOW, **change)) is TokenFault.CLAIMS


def test_an_expired_token_is_refused_after_the_leeway() -> None:
    assert verified(EC.token(NOW, exp=NOW.timestamp() - 4)).subject == "trader"
    assert fault_of(EC.token(NOW, exp=NOW.timestamp() - 5)) is TokenFault.EXPIRED


def test_a_token_that_was_accepted_is_refused_once_its_key_is_withdrawn_or_its_time_is_over() -> None:
    read = Read()
    verifier = TokenVerifier(LoginTokens(read, TERMS), leeway_s=5)
    first, second = EC.token(NOW), RSA.token(NOW)
    for _ in range(2):
        assert verifier.verify(first, NOW) == verifier.verify(first, NOW)
        assert verifier.verify(second, NOW).subject == "trader"

    with pytest.raises(Unauthenticated) as expired:
        verifier.verify(first, NOW + timedelta(hours=2))
    assert expired.value.code is TokenFault.EXPIRED
    read.usable = parse_key_set(key_set(RSA.public()), 9)
    assert verifier.verify(second, NOW).subject == "trader"
    with pytest.raises(Unauthenticated) as withdrawn:
        verifier.verify(first, NOW)
    assert withdrawn.value.code is TokenFault.KEY_UNKNOWN


@given(st.text())
def test_no_text_is_let_in_or_breaks_the_verifier(text: str) -> None:
    with pytest.raises(Unauthenticated):
        verified(text)


ROLES = {
    "desk-trader": frozenset({Permission.RISK_WARNING_FULL}),
    "desk-head": frozenset({Permission.RISK_APPROVER, Permission.RISK_SETTING_FULL}),
}
NESTED = LoginTerms(
    ISSUER,
    AUDIENCE,
    "preferred_username",
    "realm_access.roles",
    "desk.accounts",
    accounts_required=True,
    roles=ROLES,
)


def test_claims_may_have_other_names_and_be_nested() -> None:
    token = EC.token(
        NOW,
        sub="0b1f",
        permissions=...,
        preferred_username="Alice",
        realm_access={"roles": ["offline_access", "desk-head"]},
        desk={"accounts": ["A1"]},
    )

    principal = verified(token, NESTED)

    assert principal.subject == "alice"
    assert principal.audience.permissions == {Permission.RISK_APPROVER, Permission.RISK_SETTING_FULL}
    assert principal.audience.account_scope == frozenset({"A1"})


@pytest.mark.parametrize(
    "change",
    [
        {"preferred_username": ...},
        {"realm_access": ...},
        {"realm_access": {}},
        {"realm_access": ["desk-head"]},
        {"realm_access": {"roles": {"desk-head": 1}}},
        {"realm_access": {"roles": [["desk-head"]]}},
        {"desk": ...},
        {"desk": {}},
        {"desk": "A1"},
        {"desk": {"accounts": None}},
    ],
    ids=str,
)
def test_a_nested_claim_that_is_not_there_is_refused(change: dict[str, Any]) -> None:
    nested = {"realm_access": {"roles": []}, "desk": {"accounts": ["A1"]}}
    good: dict[str, Any] = {"preferred_username": "alice"} | nested
    assert verified(EC.token(NOW, **good), NESTED).subject == "alice"
    assert fault_of(EC.token(NOW, **(good | change)), NESTED) is TokenFault.CLAIMS


def test_a_claim_whose_name_has_dots_is_found_by_its_whole_name() -> None:
    terms = LoginTerms(ISSUER, AUDIENCE, permissions_claim="https://desk.example/roles")
    named: dict[str, Any] = {"https://desk.example/roles": ["AUDITOR"], "permissions": ...}
    token = EC.token(NOW, **named)
    assert verified(token, terms).audience.permissions == {Permission.AUDITOR}


def test_a_scope_separated_by_blanks_grants_what_its_roles_grant() -> None:
    terms = LoginTerms(ISSUER, AUDIENCE, permissions_claim="scope", roles=ROLES)
    token = EC.token(NOW, permissions=..., scope="openid  desk-trader profile")
    assert verified(token, terms).audience.permissions == {Permission.RISK_WARNING_FULL}


def test_with_roles_the_name_of_a_permission_grants_nothing() -> None:
    """Otherwise a user who may name roles in the login service could choose rights that no one mapped."""
    terms = LoginTerms(ISSUER, AUDIENCE, roles=ROLES)
    assert not verified(EC.token(NOW, permissions=["RISK_WARNING_FULL"]), terms).audience.permissions


def test_the_refusal_of_a_claim_names_it_as_the_token_does() -> None:
    with pytest.raises(Unauthenticated, match=r"realm_access\.roles"):
        verified(EC.token(NOW, preferred_username="alice", desk={"accounts": []}), NESTED)
