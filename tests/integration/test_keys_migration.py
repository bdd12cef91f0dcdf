"""Idempotency keys and case numbers that were stored by earlier versions count on."""

from uuid import uuid4

from models.case import live_cases_of, next_case_no
from models.idempotency import claim_key, stored_outcomes
from models.sql.database import Database, fetch, transaction
from tests.integration.migration_steps import bring_to
from tests.kit.desk_kit import NOON, DeskKit


async def used(actor: str, key: str, request: str, item: str) -> None:
    """As an earlier version stored a request of this actor and its answer."""
    assert await claim_key(actor, key, "liquidate", request, NOON)
    await fetch(
        "INSERT INTO idempotency_item (id, actor, idempotency_key, item, outcome, at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING 1",
        uuid4().hex,
        actor,
        key,
        item,
        f"answer of {actor}",
        NOON,
    )


async def test_keys_in_every_old_spelling_are_found_in_the_form_of_the_subject(database: Database) -> None:
    with database.active():
        await bring_to("0028_case_worth")
        for actor in ("Ann.Lee", "\uff21\uff2e\uff2e.LEE", "system", "ann.lee"):
            await used(actor, f"only {actor}", "request", "case")
        await used("Ann.Lee", "both", "older request", "case 1")
        await used("ann.lee", "both", "newer request", "case 2")
        await database.migrate()
        for actor in ("Ann.Lee", "\uff21\uff2e\uff2e.LEE", "ann.lee"):
            assert not await claim_key("ann.lee", f"only {actor}", "liquidate", "another request", NOON)
            assert await claim_key("ann.lee", f"only {actor}", "liquidate", "request", NOON)
            found = await stored_outcomes("ann.lee", f"only {actor}", ["case"])
            assert found == {"case": f"answer of {actor}"}
        assert await claim_key("ann.lee", "both", "liquidate", "newer request", NOON)
        answers = await stored_outcomes("ann.lee", "both", ["case 1", "case 2"])
        assert answers == {"case 2": "answer of ann.lee"}, "answers of two requests are not mixed"


async def test_case_numbers_go_on_behind_the_last_one_in_both_directions(database: Database) -> None:
    with database.active():
        kit = DeskKit()
        (first,) = await live_cases_of([await kit.indebted_account("M1")])
        await bring_to("0028_case_worth")
        (row,) = await fetch("SELECT value FROM counter WHERE name = 'case'")
        assert row["value"] == 1
        await fetch("UPDATE counter SET value = 41 WHERE name = 'case' RETURNING 1")
        await database.migrate()
        (second,) = await live_cases_of([await kit.indebted_account("M2")])
        assert (first.case.case_no, second.case.case_no) == ("MC2020-000001", "MC2020-000042")
        async with transaction():
            assert await next_case_no(2020) == "MC2020-000043"
