"""What people do with a case, other than trading it."""
