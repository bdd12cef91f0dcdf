"""The URL of PostgreSQL means to the desk what it means to PostgreSQL's own programs."""

import pytest

from models.sql.configuration import configuration, problem_of_address


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_sslmode_of_the_url_reaches_the_driver(mode: str) -> None:
    url = f"postgres://desk@db.example.com:5432/desk?sslmode={mode}"
    credentials = configuration(url)["connections"]["default"]["credentials"]
    assert credentials["ssl"] == mode
    assert "sslmode" not in credentials, "the driver refuses it by that name"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgres://desk:geheim@db:port/desk", "is malformed"),
        ("postgres://desk:geheim@db:99999/desk", "is malformed"),
        ("postgres://desk:gehe/im@db/desk", "is malformed"),
        ("postgres://desk:geheim@[::1/desk", "is malformed"),
        ("sqlite://", "is malformed"),
        ("postgres://desk:geheim@db/desk?sslmod=require", "the driver does not know: sslmod"),
    ],
)
def test_a_url_that_no_database_can_have_is_refused_without_its_password(url: str, problem: str) -> None:
    refused = problem_of_address(url)
    assert refused is not None
    assert problem in refused
    assert "gehe" not in refused


@pytest.mark.parametrize(
    "url",
    [
        "postgres://",
        "postgresql://desk:g%2Fh@db.example.com:5432/desk?ssl=true",
        "postgres://desk@db/desk?sslmode=require&command_timeout=5&application_name=desk",
        "sqlite:///var/lib/desk.sqlite3?journal_mode=WAL",
    ],
)
def test_a_usable_url_is_accepted(url: str) -> None:
    assert problem_of_address(url) is None
