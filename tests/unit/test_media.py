"""What a client accepts, and whether it sends JSON."""

import pytest

from gateway.http.media import EVENT_STREAM, GRAPHQL_RESPONSE, HTML, JSON, is_json, negotiated

OFFERS = (JSON, GRAPHQL_RESPONSE, EVENT_STREAM)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", JSON),
        (f"{JSON};q=0.9, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};charset=utf-8, {JSON};q=0.9", GRAPHQL_RESPONSE),
        ("APPLICATION/JSON", JSON),
        ("application/json ; q = 0.2 , text/event-stream;q=0.1", JSON),
        # The closest range decides, even where a wider one has a better quality.
        ("application/json;q=0.1, */*", GRAPHQL_RESPONSE),
        ("text/*", EVENT_STREAM),
        ("application/xml", None),
        ("application/json;q=0", None),
        ("application/json;q=2", None),
        ("application/json;q=nonsense", None),
        ("nonsense", None),
        ("application/jsonp", None),
        (",".join(["text/plain"] * 60 + [JSON]), None),
    ],
)
def test_the_preferred_offer_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert negotiated(accept, OFFERS) == chosen


def test_a_browser_prefers_a_page() -> None:
    assert negotiated(BROWSER, (JSON, GRAPHQL_RESPONSE, HTML)) == HTML


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/json; charset=iso-8859-1", False),
        ("application/jsonp", False),
        ("text/plain; application/json", False),
        ("", False),
    ],
)
def test_only_json_in_utf_8_is_json(content_type: str, accepted: bool) -> None:
    assert is_json(content_type) is accepted
