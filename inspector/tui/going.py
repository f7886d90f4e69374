"""What the actions of `inspector.tui.arranging_actions` do."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.core.row_order import SortKey
from inspector.core.table import Row
from inspector.tui.keys_here import keyed

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

Run = Callable[["NNInspectApp"], object]


def open_filter(app: NNInspectApp) -> None:
    """Open the line for a filter."""
    app.filter_bar.open()


def go_to_path(app: NNInspectApp) -> None:
    """Ask for a path or a number."""
    _ask(app, by_letters=False)


def go_to_fuzzy(app: NNInspectApp) -> None:
    """Ask for some letters of a path."""
    _ask(app, by_letters=True)


def _ask(app: NNInspectApp, by_letters: bool) -> None:
    from inspector.tui.go_to_screen import GoToScreen

    def go(row: Row | None) -> None:
        if row is not None:
            app.module_tree.go_to_same(row)
            app.module_tree.focus()

    assert app.table is not None
    app.push_screen(GoToScreen(app.table, by_letters), go)


def next_problem(app: NNInspectApp) -> None:
    """To the next row with a problem."""
    _problem(app, 1)


def previous_problem(app: NNInspectApp) -> None:
    """To the one before."""
    _problem(app, -1)


def _problem(app: NNInspectApp, by: int) -> None:
    facts, row = app.arranging.facts(), app.row
    problems = facts.problems if facts is not None else []
    if not problems or row is None:
        app.say(
            keyed("no row is known to have a problem; {check} checks the model, {forward} runs a pass"), "$text-warning"
        )
        return
    at = bisect_right(problems, row.index) if by > 0 else bisect_left(problems, row.index) - 1
    at %= len(problems)
    app.module_tree.go_to_row(problems[at])
    app.say(f"problem {at + 1:,} of {len(problems):,}")


def shallower(app: NNInspectApp) -> None:
    """One level less."""
    _fold(app, max(0, app.module_tree.deepest_shown - 1))


def deeper(app: NNInspectApp) -> None:
    """One level more."""
    _fold(app, app.module_tree.deepest_shown + 1)


def fold_to(depth: int) -> Run:
    """An action that shows so many levels."""
    return lambda app: _fold(app, depth)


def _fold(app: NNInspectApp, depth: int) -> None:
    app.module_tree.fold_to(depth)
    app.say(f"folded to depth {depth}; {len(app.module_tree.lines()):,} lines are on show")


def sort_by(key: SortKey) -> Run:
    """An action that sorts by a key."""
    return lambda app: app.arranging.sort_by(key)


def next_key(app: NNInspectApp) -> None:
    """Sort the tree by the next key, or the list that has the keyboard by its next column."""
    rows = app.rows_in_focus()
    if rows is app.module_tree:
        app.arranging.next_key()
    else:
        rows.sort_by_next()


def turn_round(app: NNInspectApp) -> None:
    """Sort the other way round."""
    rows = app.rows_in_focus()
    if rows is app.module_tree:
        app.arranging.turn_round()
    elif rows.sorted_by:
        rows.sort_by(rows.sorted_by)
