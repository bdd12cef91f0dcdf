"""An amount of money with its currency."""

from decimal import Decimal

import strawberry


@strawberry.type(description="An amount of money, with its currency.")
class CurrencyAmount:
    """An amount."""

    currency: str = strawberry.field(description="The currency, as an ISO 4217 code.")
    amount: Decimal = strawberry.field(description="The amount, in this currency.")
