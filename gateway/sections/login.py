"""Login service: whose tokens the desk accepts instead of its own, and where their keys are."""

from pathlib import Path

from pydantic import Field

from gateway.sections.types import Count, Roles, Seconds, Section


class LoginSettings(Section):
    """Login service: whose tokens the desk accepts instead of its own, and where their keys are."""

    auth_jwks_url: str | None = Field(
        None,
        description="URL of the login service's keys, a JSON Web Key Set (`jwks_uri` of OpenID Connect "
        "discovery); `https` in production. With it, or with `GATEWAY_AUTH_JWKS_FILE`, only tokens of the "
        "login service are accepted.",
    )
    auth_jwks_file: Path | None = Field(
        None, description="File with the key set, instead of a URL; it is read again at the same intervals."
    )
    auth_issuer: str | None = Field(
        None, description="Value of the claim `iss` in tokens of the login service; required with its keys."
    )
    auth_audience: str | None = Field(
        None,
        description="Value that the claim `aud` of the login service's tokens is or contains; required with "
        "its keys. Choose a name that only the desk has.",
    )
    auth_subject_claim: str = Field(
        "sub",
        min_length=1,
        description="Claim of the login service's tokens that names the person. A claim inside another one "
        "is written with a dot, such as `realm_access.roles`.",
    )
    auth_permissions_claim: str = Field(
        "permissions",
        min_length=1,
        description="Claim with the permissions or roles: a list, or a text separated by blanks, such as "
        "`scope`.",
    )
    auth_accounts_claim: str = Field(
        "accounts",
        min_length=1,
        description="Claim with the list of account numbers that the person may see.",
    )
    auth_accounts_required: bool = Field(
        False,
        description="Set to `true` to refuse tokens of the login service without the claim for accounts, "
        "which otherwise stand for every account.",
    )
    auth_roles: Roles = Field(
        {},
        description="Permissions for roles of the login service, such as "
        "`desk-trader=RISK_WARNING_FULL,desk-head=RISK_APPROVER+RISK_SETTING_FULL`; a role without an entry "
        "grants nothing. Without any entry, each value of the claim must be the name of a permission.",
    )
    auth_jwks_refresh_s: Seconds = Field(
        300,
        description="Interval, in seconds, between two readings of the keys; a withdrawn key is accepted for "
        "at most this time.",
    )
    auth_jwks_refetch_s: Seconds = Field(
        10,
        description="Least time, in seconds, between two readings, also for tokens with an unknown key and "
        "after a failure.",
    )
    auth_jwks_keep_s: Seconds = Field(
        86_400,
        description="How long, in seconds, the last keys are used while they cannot be read again; then "
        "every token is refused.",
    )
    auth_jwks_timeout_s: Seconds = Field(
        5, description="Maximum time, in seconds, that reading the keys may take."
    )
    auth_jwks_max_bytes: Count = Field(262_144, description="Maximum number of bytes of the key set.")
    auth_jwks_max_keys: Count = Field(64, description="Maximum number of keys in the key set.")

    console_login_url: str | None = Field(
        None,
        description="URL at which a person signs in to the console, `https` in production; the console adds "
        "`state` and `redirect_uri`, and must get `#token=...&state=...` back. Without it, a link with a "
        "token signs in.",
    )

    @property
    def has_login_service(self) -> bool:
        """Whether tokens are those of a login service, not the desk's own."""
        return self.auth_jwks_url is not None or self.auth_jwks_file is not None
