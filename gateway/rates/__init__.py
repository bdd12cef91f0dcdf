"""How much each subject and each address uses, and what is refused beyond the limits."""
