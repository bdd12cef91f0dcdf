"""The GraphQL object types, each made from a value of the domain."""
