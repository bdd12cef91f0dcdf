"""GraphQL clients that others wrote, against a desk as it is served: `make conformance`."""
