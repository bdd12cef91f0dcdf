"""What a person does with a case: claim, annotate, move its deadline, close it."""
