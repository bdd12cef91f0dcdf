"""What the book of record and the market state of accounts and instruments, put into the book."""
