"""Who sends a request: the principal of its token, and the limit of requests without one."""

from starlette.requests import HTTPConnection

from domain.principal import Principal
from gateway.auth import TokenFault, Unauthenticated, bearer
from gateway.http.addresses import Addresses
from gateway.http.refusals import rate_limited, unauthenticated
from gateway.rates.rate_limits import Excess
from gateway.resources import Resources

_ONCE_VALID = (TokenFault.EXPIRED, TokenFault.REVOKED)
"""The signature was right. Their clients have to learn that they need a new token, however many there are."""


class TokensExhausted(Exception):
    """The address has sent too many tokens that do not authenticate."""

    def __init__(self, excess: Excess) -> None:
        super().__init__(excess.message)
        self.excess = excess


def verified(resources: Resources, authorization: str | None, address: str | None) -> Principal:
    """The principal; raises `Unauthenticated` or `TokensExhausted`.

    A token that authenticates passes, whatever else comes from its address.
    """
    try:
        return resources.tokens.verify(bearer(authorization), resources.desk.clock())
    except Unauthenticated as refused:
        if refused.code not in _ONCE_VALID and (excess := resources.rates.refused_token(address)):
            raise TokensExhausted(excess) from None
        raise


class RequestCheck:
    """Authenticates requests over HTTP; one per endpoint."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._addresses = Addresses(resources.settings.trusted_proxies)

    def principal(self, request: HTTPConnection) -> Principal:
        """The principal of its token; raises `HttpRefused`."""
        address = self._addresses.of(request.scope["client"])
        try:
            return verified(self._resources, request.headers.get("authorization"), address)
        except TokensExhausted as exhausted:
            # The next attempt costs its sender a connection.
            raise rate_limited(exhausted.excess, {"Connection": "close"}) from None
        except Unauthenticated as refused:
            raise unauthenticated(refused.code, refused.message, refused.retry_after_s) from None
