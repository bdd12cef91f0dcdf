"""The project's source keeps the house rules, and each rule notices when it is broken."""

import ast
from functools import cache

import pytest

from tests.guards.rules import RULES, Rule
from tests.kit.source import modules

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@cache
def offences() -> dict[str, list[tuple[str, int]]]:
    """The (path, line) of each offence by the name of the rule, in files with an exception too.

    Each module is parsed once for all rules: parsing takes longer than checking.
    """
    found: dict[str, list[tuple[str, int]]] = {rule.name: [] for rule in RULES}
    for folder in sorted({folder for rule in RULES for folder in rule.folders}):
        rules = [rule for rule in RULES if folder in rule.folders]
        for path, tree in modules(folder):
            for rule in rules:
                found[rule.name] += [(path, getattr(node, "lineno", 1)) for node in rule.check(tree)]
    return found


@each_rule
def test_source_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{path}:{line}"
        for path, line in offences()[rule.name]
        if not path.startswith(rule.except_in or "\0")
    ]
    assert not broken, f"{rule.name}: {broken}"


@each_rule
def test_rule_notices_when_it_is_broken(rule: Rule) -> None:
    unnoticed = [example for example in rule.breaks if not list(rule.check(ast.parse(example)))]
    assert not unnoticed


@each_rule
def test_rule_leaves_good_code_alone(rule: Rule) -> None:
    accused = [example for example in rule.keeps if list(rule.check(ast.parse(example)))]
    assert not accused


@each_rule
def test_exceptions_from_the_rule_are_still_needed(rule: Rule) -> None:
    offenders = {path for path, _ in offences()[rule.name]}
    unneeded = [
        let_off for let_off in rule.except_in if not any(path.startswith(let_off) for path in offenders)
    ]
    assert not unneeded
