"""The amount that a call demands: every kind demands the amount of the account, except OVER_FINANCING, which
demands only over-financing.

Two calls of one account therefore never demand the same money as if it were owed twice: the account's
shortfall is the larger of the two.
"""

from dataclasses import replace

from domain.case import AlertType
from domain.margin import Book, MarginFigures
from domain.money import round_money


def book_of(alert_type: AlertType, book: Book) -> Book:
    """The book under the amount rule of the call: its amount, plans and snapshots follow from it."""
    if alert_type is not AlertType.OVER_FINANCING:
        return book
    return replace(book, rule=replace(book.rule, over_financing_alone=True))


def figures_of(alert_type: AlertType, book: Book, figures: MarginFigures) -> MarginFigures:
    """The figures of the account with the call's amount: those of `book_of`, without computing them again."""
    if alert_type is not AlertType.OVER_FINANCING:
        return figures
    return replace(figures, amount=round_money(figures.over_financing, book.terms.base_currency))
