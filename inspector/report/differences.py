"""Differences as text: what only one side has, what is renamed, and what changed, as a table."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inspector.core.differences import Aligned, DiffReport
from inspector.core.repair_wording import rule_line
from inspector.core.wording import number, printable, shape, things
from inspector.report.console import standard_output

MOST_LISTED = 40
"""Keys of one kind; `--json` has all."""


def print_differences(report: DiffReport) -> None:
    """Everything that differs, most changed first, and how much is equal."""
    console = standard_output(soft_wrap=True)
    for note in report.notes:
        console.print(Text(printable(note), style="dim"))
    if report.verdict:
        console.print(Text(printable(report.verdict), style="bold red"))
    if report.same:
        console.print(f"the same: {things(report.unchanged, 'tensor')}, names, shapes, dtypes and values")
        return
    for side, keys in (("A", report.only_a), ("B", report.only_b)):
        _list(console, f"only in {side}", keys)
    renamed = Counter(_rule(one.a, one.b) for one in report.renamed)
    _list(console, "renamed", [f"{a} → {b}   ({things(count, 'tensor')})" for (a, b), count in renamed.items()])
    _list(console, "rules from A to B", [rule_line(rule) for rule in report.rules if rule.tensors])
    _list(console, "ambiguous", [f"{', '.join(one.model[:4])} ~ {', '.join(one.candidates[:4])}: {one.why}"
                                 for one in report.ambiguous])  # fmt: skip
    if report.changed:
        console.print(Text("changed", style="bold"))
        standard_output().print(_table(report.changed))
        for told in {_no_share(one) for one in report.changed[:MOST_LISTED]} - {""}:
            console.print(Text(f"  {told}", style="dim"))
    for text in report.not_compared:
        console.print(Text(f"not compared: {printable(text)}", style="dim"))
    counts = [
        (len(report.changed), "changed"), (report.unchanged, "unchanged"), (len(report.renamed), "renamed"),
        (len(report.only_a), "only in A"), (len(report.only_b), "only in B"),
    ]  # fmt: skip
    console.print(", ".join(f"{count:,} {what}" for count, what in counts if count))


def _list(console: Console, heading: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(Text(heading, style="bold"))
    for line in lines[:MOST_LISTED]:
        console.print(Text(f"  {printable(line)}"))
    if len(lines) > MOST_LISTED:
        console.print(Text(f"  and {len(lines) - MOST_LISTED:,} more; --json has all", style="dim"))


def _rule(a: str, b: str) -> tuple[str, str]:
    """What differs between two names: the parts before those that both end with."""
    one, other = a.split("."), b.split(".")
    while len(one) > 1 and len(other) > 1 and one[-1] == other[-1]:
        one.pop(), other.pop()
    return (f"{'.'.join(one)}.*", f"{'.'.join(other)}.*") if len(one) < a.count(".") + 1 else (a, b)


def _table(changed: list[Aligned]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("tensor", "shape", "dtype"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("relative", "largest", "1 − cosine", "not finite"):
        table.add_column(name, justify="right")
    for one in changed[:MOST_LISTED]:
        table.add_row(
            Text(printable(_names(one))),
            Text(_both(shape(one.shape_a), shape(one.shape_b))),
            Text(_both(one.dtype_a, one.dtype_b)),
            *([Text(number(value)) for value in (one.relative, one.max_abs, one.cosine)]),
            Text(f"{one.not_finite:,}" if one.not_finite else ""),
        )
    return table


def _no_share(row: Aligned) -> str:
    """Why a relative change is not known, where values were compared."""
    if row.relative is not None or row.equal is None:
        return ""
    return "relative ?: A is 0 everywhere, or finite nowhere, so there is nothing to hold the difference against"


def _names(row: Aligned) -> str:
    """A's key, and B's where it is another."""
    a, b = "+".join(row.keys_a), "+".join(row.keys_b)
    return a if a == b else f"{a} → {b}"


def _both(a: str, b: str) -> str:
    return a if a == b else f"{a} → {b}"
