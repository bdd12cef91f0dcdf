"""Fields whose values are loaded by a key of their object: one step for all objects of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from resolvers.kit.batch_loader import BatchLoader
from resolvers.kit.context import Info, ReadContext
from resolvers.kit.loaders import Loaders

_LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Loaded:
    """How the values of a field are loaded. `node`: the GraphQL value of what the loader found; it may raise
    ApiError.
    """

    key: Callable[[Any], Any]
    loader: Callable[[Loaders], BatchLoader[Any, Any]]
    node: Callable[[Any, ReadContext], Any]

    async def values(self, sources: Sequence[Any], context: ReadContext) -> list[Any]:
        """The values of all sources; raises the first error."""
        keys = [self.key(source) for source in sources]
        found = await self.loader(context.loaders).load_all(keys)
        values = []
        for key in keys:
            await context.pace.turn()
            values.append(self.node(found[key], context))
        return values


def loaded(
    description: str,
    *,
    key: Callable[[Any], Any],
    loader: Callable[[Loaders], BatchLoader[Any, Any]],
    node: Callable[[Any, ReadContext], Any] = lambda value, context: value,
) -> Any:
    """A field of that kind. The executor calls `Loaded.values` with all objects that it completes together;
    the resolver serves one alone.
    """
    how = Loaded(key, loader, node)

    async def resolve(root: Any, info: Info) -> Any:
        return how.node(await how.loader(info.context.loaders).load(how.key(root)), info.context)

    return strawberry.field(resolver=resolve, description=description, metadata={_LOADED: how})


def how_loaded(field: StrawberryField) -> Loaded | None:
    """None for a field with a resolver of its own."""
    how: Loaded | None = field.metadata.get(_LOADED)
    return how
