"""The names of the desk's metrics, as its source states them."""

import ast
import re
from collections.abc import Iterator

from tests.kit.source import modules

_MAKERS = {"gauge", "labelled", "histogram", "histograms", "_by_stream"}
_PREFIXES = {"_by_stream": "feed_"}
_SUFFIXES = {"CounterMetricFamily": "_total", "InfoMetricFamily": "_info"}
_NAME = re.compile(r"(desk_)?([a-z_]+)")


def metric_names() -> set[str]:
    """Without the prefix `desk_`; counters with `_total`, info metrics with `_info`."""
    trees = (tree for _, tree in modules("gateway"))
    return {name for tree in trees for node in ast.walk(tree) for name in _made_by(node)}


def _made_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=maker), args=args) if maker in _MAKERS or maker.endswith(
            "MetricFamily"
        ):
            texts = [each.value for each in args if isinstance(each, ast.Constant)]
            found = _NAME.fullmatch(str(texts[0])) if texts else None
            if found is not None:
                names = {maker, *(each.id for each in args if isinstance(each, ast.Name))}
                suffix = "".join(_SUFFIXES.get(name, "") for name in names)
                yield _PREFIXES.get(maker, "") + found[2] + suffix
