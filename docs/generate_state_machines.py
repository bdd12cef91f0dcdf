"""Regenerates the tables and diagrams of docs/state_machines.md: `python -m docs.generate_state_machines`.

Only the text between a pair of `generated` comments is generated; the prose around it is written by hand.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from domain import approval, case, message, order_states, webhook
from domain.phrase import phrase
from domain.phrase_texts import english

PAGE = Path(__file__).with_name("state_machines.md")
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Edges = Mapping[tuple[str, str], tuple[str, ...]]


def render(page: str) -> str:
    """The page with every generated part replaced; raises KeyError for an unknown part."""
    return _BLOCK.sub(lambda block: block[1] + "\n" + _PARTS[block["name"]]() + "\n" + block[3], page)


def _order_moves() -> Edges:
    return {pair: row.targets for pair, row in order_states.TRANSITIONS.items()}


def _case_moves() -> Edges:
    return {pair: (target,) for pair, target in case.TRANSITIONS.items()}


def _order_diagram() -> str:
    return _diagram(_order_moves(), ["PENDING_APPROVAL", "QUEUED"], order_states.TERMINAL)


def _case_diagram() -> str:
    ends = [status for status in case.CaseStatus if status not in case.LIVE]
    return _diagram(_case_moves(), ["OPEN"], ends)


def _approval_diagram() -> str:
    edges: Edges = {pair: (target,) for pair, target in approval.TRANSITIONS.items()}
    ends = [status for status in approval.ApprovalStatus if status is not approval.ApprovalStatus.PENDING]
    return _diagram(edges, ["PENDING"], ends)


def _message_diagram() -> str:
    edges: Edges = {pair: (target,) for pair, target in message.TRANSITIONS.items()}
    return _diagram(edges, ["QUEUED"], [message.MessageStatus.SENT])


def _webhook_diagram() -> str:
    edges: Edges = {pair: (target,) for pair, target in webhook.TRANSITIONS.items()}
    return _diagram(edges, ["ACTIVE"], [])


def _diagram(edges: Edges, starts: Iterable[str], ends: Iterable[str]) -> str:
    """One arrow for each pair of different statuses, labelled with every trigger that leads along it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (status, trigger), targets in edges.items():
        for target in targets:
            if target != status:
                arrows.setdefault((status, target), []).append(trigger)
    lines = [f"[*] --> {start}" for start in starts]
    lines += [f"{a} --> {b}: {', '.join(sorted(names))}" for (a, b), names in sorted(arrows.items())]
    lines += [f"{end} --> [*]" for end in sorted(ends)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```"])


def _order_table() -> str:
    rows = []
    for (status, trigger), row in order_states.TRANSITIONS.items():
        targets = " or ".join(row.targets) if row.targets != (status,) else "stays"
        rows.append((status, trigger, targets, row.alert or ""))
    return _table(("status", "trigger", "leads to", "alert"), _sorted(rows, order_states.OrderStatus))


def _order_refused() -> str:
    rows = [
        (status, trigger, english(phrase(code))) for (status, trigger), code in order_states.REFUSED.items()
    ]
    return _table(("status", "trigger", "reason"), _sorted(rows, order_states.OrderStatus))


def _case_table() -> str:
    rows = [
        (status, trigger, "stays" if target == status else target)
        for (status, trigger), target in case.TRANSITIONS.items()
    ]
    return _table(("status", "trigger", "leads to"), _sorted(rows, case.CaseStatus))


def _case_refused() -> str:
    rows: list[tuple[str, ...]] = [
        (status, trigger, refusal.code, refusal.message)
        for (status, trigger), refusal in case.REFUSED.items()
        if status in case.LIVE
    ]
    rows.append(("every final status", "every trigger", "CASE_CLOSED", case.CLOSED_MESSAGE))
    return _table(("status", "trigger", "code", "message"), _sorted(rows, case.CaseStatus))


def _sorted(rows: Iterable[tuple[str, ...]], statuses: Iterable[str]) -> list[tuple[str, ...]]:
    places = {str(status): place for place, status in enumerate(statuses)}
    return sorted(rows, key=lambda row: (places.get(row[0], len(places)), row[1]))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_PARTS: Mapping[str, Callable[[], str]] = {
    "order diagram": _order_diagram,
    "order transitions": _order_table,
    "order refusals": _order_refused,
    "approval diagram": _approval_diagram,
    "message diagram": _message_diagram,
    "webhook diagram": _webhook_diagram,
    "case diagram": _case_diagram,
    "case transitions": _case_table,
    "case refusals": _case_refused,
}


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
