"""What a call asks for: every kind the amount of the account, but OVER_FINANCING only over-financing itself.

So two calls of one account never ask for the same money as if it were owed twice: what the account lacks is
the larger of the two.
"""

from dataclasses import replace

from domain.case import AlertType
from domain.margin import Book, MarginFigures
from domain.money import round_money


def book_of(alert_type: AlertType, book: Book) -> Book:
    """The book under the rule by which the call asks: its amount, plans and snapshots follow from it."""
    if alert_type is not AlertType.OVER_FINANCING:
        return book
    return replace(book, rule=replace(book.rule, over_financing_alone=True))


def figures_of(alert_type: AlertType, book: Book, figures: MarginFigures) -> MarginFigures:
    """The figures of the account with the amount of the call: those of `book_of`, without computing them."""
    if alert_type is not AlertType.OVER_FINANCING:
        return figures
    return replace(figures, amount=round_money(figures.over_financing, book.terms.base_currency))
