"""The project's source keeps the house rules, and each rule notices when it is broken."""

import ast

import pytest

from tests.guards.rules import RULES, Rule
from tests.kit.source import modules

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@each_rule
def test_source_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{path}:{getattr(node, 'lineno', 1)}"
        for path, tree in modules(*rule.folders)
        if not path.startswith(rule.except_in or "\0")
        for node in rule.check(tree)
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
    offenders = [path for path, tree in modules(*rule.folders) if list(rule.check(tree))]
    unneeded = [
        let_off for let_off in rule.except_in if not any(path.startswith(let_off) for path in offenders)
    ]
    assert not unneeded
