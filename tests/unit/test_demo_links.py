"""The links of the demo sign in one person of each role that the console has pages for."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from domain.principal import Capability
from gateway.auth import OwnTokens, TokenVerifier
from gateway.cli.serve_command import demo_links
from gateway.settings import load_settings


def test_each_link_carries_the_token_of_one_role_where_no_server_receives_it() -> None:
    settings = load_settings()
    links = [urlsplit(line.split()[-1]) for line in demo_links(settings, "http://127.0.0.1:8000")]
    assert {(link.netloc, link.path, link.query) for link in links} == {("127.0.0.1:8000", "/console/", "")}
    tokens = [parse_qs(link.fragment)["token"][0] for link in links]
    verifier = TokenVerifier(OwnTokens(settings.auth_secrets), leeway_s=5)
    people = [verifier.verify(token, datetime.now(UTC)) for token in tokens]
    telling = (Capability.LIQUIDATE, Capability.APPROVE_CASE_ACTION, Capability.CHANGE_SETTINGS)
    rights = [[each.audience.may(right) for right in telling] for each in people]
    assert rights == [[True, False, False], [False, False, False], [False, True, False], [False, False, True]]
    assert len({each.subject for each in people}) == 4


def test_beside_a_login_service_there_are_no_links() -> None:
    settings = load_settings(
        auth_jwks_url="https://login.example/keys", auth_issuer="https://login.example", auth_audience="desk"
    )
    assert list(demo_links(settings, "http://127.0.0.1:8000")) == []
