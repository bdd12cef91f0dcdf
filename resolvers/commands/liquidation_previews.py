"""The preview of one liquidation of several cases, with its totals."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import strawberry

from desk.liquidation.liquidation_command import LiquidateCase
from desk.liquidation.preview import PreviewedCase, preview_liquidation
from domain.ids import CaseId
from domain.money import Currency, total
from domain.order import TimeInForce, TradingSession
from domain.refusals import RefusalCode
from domain.reporting import Claim, by_account, convert
from models.book import load_fx_rates, rates_by_base
from resolvers.commands.liquidation_preview import LiquidationPreview, previewed_of
from resolvers.commands.plan_inputs import LiquidationPreviewInput, plan_request
from resolvers.kit.context import RequestContext
from resolvers.kit.inputs import check_many
from resolvers.kit.known_names import check_symbols
from resolvers.kit.node import filter_id

Amounts = list[tuple[Currency, Decimal]]
SECOND_PERSON = (RefusalCode.APPROVAL_REQUIRED, RefusalCode.APPROVAL_PENDING)


@strawberry.type(
    description="Sums over previews. Several cases of one account demand the same shortfall, so only the "
    "largest amount of an account counts."
)
class LiquidationTotals:
    """Over the cases of one currency, or over all of them."""

    currency: str = strawberry.field(description="The currency of the sums, as an ISO 4217 code.")
    notional: Decimal = strawberry.field(description="The total traded value of all legs.")
    amount_before: Decimal = strawberry.field(
        description="The total amount to collect now, without counting open orders."
    )
    amount_after: Decimal = strawberry.field(
        description="The total amount that would be left to collect if all counted orders and legs fill."
    )


@strawberry.type(
    description="What one liquidate with all these cases would do now. Orders of an earlier case count for "
    "a later one as if they had been placed."
)
class LiquidationPreviews:
    """From desk.liquidation.preview."""

    as_of: datetime = strawberry.field(description="The time at which the plans were made.")
    results: list[LiquidationPreview] = strawberry.field(
        description="One preview per case, in the order of the input."
    )
    by_currency: list[LiquidationTotals] = strawberry.field(
        description="The sums for each base currency of the accounts, sorted by currency."
    )
    total: LiquidationTotals = strawberry.field(
        description="The sums over all cases in the reporting currency, rounded to its minor unit, without "
        "the currencies of `unconverted`."
    )
    unconverted: list[str] = strawberry.field(
        description="Base currencies without an FX rate into the reporting currency, as ISO 4217 codes."
    )
    placeable: int = strawberry.field(
        description="The number of cases whose orders liquidate would place at once."
    )
    need_second_person: int = strawberry.field(
        description="The number of cases for which liquidate would ask for the approval of a second person."
    )
    refused: int = strawberry.field(
        description="The number of all other cases: liquidate would refuse them, or cancel resting orders "
        "first."
    )


async def liquidation_previews(
    context: RequestContext, inputs: Sequence[LiquidationPreviewInput]
) -> LiquidationPreviews:
    """Makes the same plans that liquidate would make at this moment."""
    desk, api = context.api.desk, context.api
    check_many("inputs", [each.case_id for each in inputs], desk.policy.max_cases_per_batch)
    items = [
        LiquidateCase(
            CaseId(filter_id("Case", each.case_id)),
            None,
            plan_request(each, TradingSession.REGULAR, TimeInForce.DAY, api.legs_max),
        )
        for each in inputs
    ]
    await check_symbols({symbol for item in items for symbol in item.plan.keep})
    now = desk.clock()
    previewed = await preview_liquidation(desk, context.principal, items, now)
    results = []
    for each in previewed:
        await context.pace.turn()
        results.append(previewed_of(each, desk, now))
    shown = list(zip(previewed, results, strict=True))
    notional = [(_currency(each), preview.notional) for each, preview in shown if each.view is not None]
    before, after = (
        by_account(
            Claim(each.view.case.account_id, _currency(each), amount)
            for each, amount in zip(previewed, amounts, strict=True)
            if each.view is not None
        )
        for amounts in (
            [preview.amount_before for preview in results],
            [preview.amount_after for preview in results],
        )
    )
    rates = rates_by_base(await load_fx_rates()).get(api.reporting_currency, {})
    sums = [convert(amounts, rates, api.reporting_currency) for amounts in (notional, before, after)]
    codes = Counter(None if each.refusal is None else each.refusal.code for each in results)
    second = sum(codes[code] for code in SECOND_PERSON)
    return LiquidationPreviews(
        as_of=now,
        results=results,
        by_currency=[
            _totals(currency, *(_sum_of(currency, amounts) for amounts in (notional, before, after)))
            for currency in sorted({currency for currency, _ in before})
        ],
        total=_totals(api.reporting_currency, *(each.total for each in sums)),
        unconverted=sorted({currency for each in sums for currency in each.unconverted}),
        placeable=codes[None],
        need_second_person=second,
        refused=len(results) - codes[None] - second,
    )


def _currency(previewed: PreviewedCase) -> Currency:
    assert previewed.view is not None, "counted only with a case"
    return previewed.view.account.base_currency


def _totals(currency: Currency, notional: Decimal, before: Decimal, after: Decimal) -> LiquidationTotals:
    return LiquidationTotals(currency=currency, notional=notional, amount_before=before, amount_after=after)


def _sum_of(currency: Currency, amounts: Amounts) -> Decimal:
    return total(amount for each, amount in amounts if each == currency)
