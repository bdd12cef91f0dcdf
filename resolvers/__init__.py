"""The GraphQL schema: names, arguments and mapping. No rules and no SQL."""

# The domain's enums become enums of the schema before any type that uses them is made.
import resolvers.kit.enums as enums

__all__ = ["enums"]
