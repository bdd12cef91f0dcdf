"""What a desk of the tests of the API runs on: a database and a bus."""

USUAL_STACK, OTHER_STACK = "sqlite-memory", "postgres-redis"
