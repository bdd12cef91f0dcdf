"""The URL of PostgreSQL means to the desk what it means to PostgreSQL's own programs."""

import pytest

from models.sql.configuration import configuration


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_sslmode_of_the_url_reaches_the_driver(mode: str) -> None:
    url = f"postgres://desk@db.example.com:5432/desk?sslmode={mode}"
    credentials = configuration(url)["connections"]["default"]["credentials"]
    assert credentials["ssl"] == mode
    assert "sslmode" not in credentials, "the driver refuses it by that name"
