"""The page of keys, from the table of actions, and that of initialisers, from their registry."""

from collections.abc import Iterable

from making.markdown import as_text

from inspector.core.initialisers import INITIALISERS, Initialiser, InitialiserParameter
from inspector.tui.action import shown_keys
from inspector.tui.actions import ACTIONS, GROUPS
from inspector.tui.help_screen import MARKS


def key_page() -> str:
    """Every action by what it is for, and the marks of the tree."""
    lines = ["# Keys and mouse", "", "`?` shows this page in the program, `ctrl+p` finds any action by its name."]
    lines.append("A click chooses a row, a tab or a key in the footer; the wheel scrolls.")
    for group in GROUPS:
        actions = [action for action in ACTIONS.values() if action.group == group]
        rows = [(_key(shown_keys(one)), f"**{as_text(one.title)}.** {as_text(one.help)}") for one in actions]
        lines += ["", f"## {group}", "", *_table("key", "does", rows)]
    lines += ["", "## Marks in the tree", "", *_table("mark", "means", [(_key(m), as_text(t)) for m, t in MARKS])]
    return "\n".join(lines) + "\n"


def initialiser_page() -> str:
    """Every initialiser with its formula and parameters."""
    lines = [
        "# Initialisers",
        "",
        "What `init --rule PATTERN=INITIALISER` and the dialog at `i` take. A call is written as in Python, "
        "`kaiming_normal_(mode=fan_out, nonlinearity=relu)`; without parentheses all parameters keep their defaults. "
        "Names, parameters and defaults with a final `_` are those of `torch.nn.init`.",
        "",
        "[Initialise and undo](../tasks/initialise.md) shows them at work.",
    ]
    for one in INITIALISERS.values():
        lines += ["", f"## {one.name}", "", *_initialiser(one)]
    return "\n".join(lines) + "\n"


def _initialiser(one: Initialiser) -> list[str]:
    lines = [f"{as_text(one.meaning[0].upper() + one.meaning[1:])}: `{one.formula}`."]
    if one.needs:
        lines.append(f"Needs {as_text(one.needs)}.")
    if one.parameters:
        lines += ["", "| parameter | default | meaning |", "|---|---|---|", *map(_parameter, one.parameters)]
    return lines


def _parameter(one: InitialiserParameter) -> str:
    default = "required" if one.default is None else f"`{one.default}`"
    choices = f": {', '.join(f'`{name}`' for name in one.choices)}" if one.choices else ""
    return f"| `{one.name}` | {default} | {as_text(one.meaning)}{choices} |"


def _table(left: str, right: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {left} | {right} |", "|---|---|", *(f"| {one} | {other} |" for one, other in rows)]


def _key(text: str) -> str:
    return f"`{text}`" if text else "in the palette"
