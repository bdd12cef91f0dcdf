"""What every resolver is written with: the context of a request, errors, scalars, enums, pages, loaders."""
