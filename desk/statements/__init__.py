"""Apply the statements of the book of record and of the market to the book."""
