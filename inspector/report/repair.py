"""`repair` as text."""

from rich.console import Console
from rich.text import Text

from inspector.core.repair import RepairReport
from inspector.core.table import LoadRule
from inspector.core.wording import percent, printable, shape, things
from inspector.report.console import standard_output

MOST_LISTED = 12
"""Keys of one kind; `--json` has all."""


def print_repair(report: RepairReport) -> None:
    """The verdict, the rules, what is left, and Python that does the same."""
    console = standard_output(soft_wrap=True)
    console.print(Text(printable(report.verdict), style="bold green" if report.loads else "bold red"))
    place = f" from {report.container}" if report.container else ""
    proof = "; proven by a strict load on tensors without memory" if report.loads else ""
    filled = f"{percent(report.coverage)} of the model's elements are filled{place}"
    console.print(Text(f"{filled}, {things(report.matched, 'key')}{proof}"))
    _list(console, "rules", [rule_line(rule) for rule in report.rules if rule.tensors])
    _list(console, "missing in the file", report.missing)
    _list(console, "of no use to the model", report.unexpected)
    shapes = [f"{one.key}: {shape(one.file_shape)} in the file, {shape(one.model_shape)} in the model"
              for one in report.mismatched]  # fmt: skip
    _list(console, "another shape", shapes)
    _list(console, "ambiguous", [f"{', '.join(one.model[:4])}: {one.why}" for one in report.ambiguous])
    _list(console, "could be done", [one.message for one in report.proposals])
    if report.arguments:
        console.print(Text(f"\nwith --args '{printable(report.arguments)}' the model takes the file", style="bold"))
    others = set(report.missing) | {one.key for one in report.mismatched}
    _list(console, "stays random", [key for key in report.stays_random if key not in others])
    _list(console, "does not matter", _harmless(report))
    _list(console, "also in the file", [
        f"{one.container or 'the top'}: {one.kind}" + ("" if one.coverage is None else f", {percent(one.coverage)}")
        for one in report.others
    ])  # fmt: skip
    for note in report.notes:
        console.print(Text(f"note: {printable(note)}"))
    if report.rules and report.matched:
        lines = report.snippet.split("\n")
        _list(console, "the same in Python", lines, MOST_LISTED + 8)
    if report.written:
        console.print(Text(f"\nwrote {printable(report.written)}"))


def _harmless(report: RepairReport) -> list[str]:
    """By reason, with an example."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in report.harmless:
        groups.setdefault((one.why, one.side), []).append(one.key)
    return [
        f"{keys[0]}{f' and {len(keys) - 1:,} more' if len(keys) > 1 else ''}, only in the {side}: {why}"
        for (why, side), keys in groups.items()
    ]


def rule_line(rule: LoadRule) -> str:
    """What becomes what, of how many tensors, and how sure that is."""
    change = f"{rule.from_ or '(nothing)'} → {rule.to or '(nothing)'}"
    lossy = ", loses information" if rule.lossy else ""
    sure = "" if rule.confidence == 1 else f", confidence {rule.confidence:.1f}"
    return f"{rule.kind.replace('_', ' ')}: {change}   ({things(rule.tensors, 'tensor')}{sure}{lossy})"


def _list(console: Console, heading: str, lines: list[str], most: int = MOST_LISTED) -> None:
    if not lines:
        return
    console.print(Text(f"\n{heading}", style="bold"))
    for line in lines[:most]:
        console.print(Text(f"  {printable(line)}"))
    if len(lines) > most:
        console.print(Text(f"  and {len(lines) - most:,} more; --json has all", style="dim"))
