"""Steps before a desk process serves: servers checked, the database migrated, a book imported."""
