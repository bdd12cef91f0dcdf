"""The GraphQL object types, each built from a value of the domain."""
