"""Whose tokens the desk accepts, by its settings: those of a login service, or its own."""

from gateway.auth import OwnTokens, Tokens
from gateway.login_tokens import LoginTerms, LoginTokens
from gateway.settings import Settings
from gateway.watch.key_source import KeyFile, KeySource, KeyUrl
from gateway.watch.login_keys import KeyTimes, LoginKeys


def open_login_keys(settings: Settings) -> LoginKeys | None:
    """The keys of the login service, not read yet; None without one."""
    source = key_source(settings)
    if source is None:
        return None
    times = KeyTimes(settings.auth_jwks_refresh_s, settings.auth_jwks_refetch_s, settings.auth_jwks_keep_s)
    return LoginKeys(source, times, settings.auth_jwks_max_keys)


def key_source(settings: Settings) -> KeySource | None:
    """Where the keys of the login service are; None without one."""
    if settings.auth_jwks_file is not None:
        return KeyFile(settings.auth_jwks_file, settings.auth_jwks_max_bytes)
    if settings.auth_jwks_url is not None:
        return KeyUrl(settings.auth_jwks_url, settings.auth_jwks_max_bytes, settings.auth_jwks_timeout_s)
    return None


def accepted_tokens(settings: Settings, login_keys: LoginKeys | None) -> Tokens:
    """The tokens of the login service, or without one the desk's own."""
    if login_keys is None:
        return OwnTokens(settings.auth_secrets)
    issuer, audience = settings.auth_issuer, settings.auth_audience
    assert issuer is not None, "the settings refuse a login service without it"
    assert audience is not None, "the settings refuse a login service without it"
    terms = LoginTerms(
        issuer=issuer,
        audience=audience,
        subject_claim=settings.auth_subject_claim,
        permissions_claim=settings.auth_permissions_claim,
        accounts_claim=settings.auth_accounts_claim,
        accounts_required=settings.auth_accounts_required,
        roles=settings.auth_roles or None,
        keys_url=settings.auth_jwks_url,
    )
    return LoginTokens(login_keys, terms)
