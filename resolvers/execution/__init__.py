"""What happens to a document before and while it is executed: limits, validation, cost, compilation."""
