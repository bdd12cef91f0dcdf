"""An amount in a currency."""

from decimal import Decimal

import strawberry


@strawberry.type(description="An amount of money in one currency.")
class CurrencyAmount:
    """An amount."""

    currency: str = strawberry.field(description="ISO 4217.")
    amount: Decimal = strawberry.field(description="The exact amount.")
