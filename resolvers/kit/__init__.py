"""Shared parts of the resolvers: request context, errors, scalars, enums, pages and batch loaders."""
