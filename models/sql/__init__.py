"""How SQL is sent and read: connections, transactions, outages, pages, and rows that cannot be read."""
