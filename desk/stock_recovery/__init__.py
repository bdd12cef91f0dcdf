"""Stock that is owed: written calls without cover, shorts that are recalled."""
