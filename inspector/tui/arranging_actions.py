"""Which rows the tree shows and in which order, and how one goes to a row by its name."""

from inspector.core.row_order import SORT_KEYS
from inspector.tui import going, reasons
from inspector.tui.action import Action

ARRANGING = "Filtering, sorting, going to a row"
"""Their heading in the help screen."""


def _action(id: str, keys: str, title: str, help: str, run: going.Run, display: str | None = None) -> Action:
    return Action(
        id=id, keys=keys, title=title, help=help, group=ARRANGING, run=run, why_not=reasons.nothing_open,
        display=display,
    )  # fmt: skip


ARRANGING_ACTIONS = (
    _action(
        "filter", "ampersand", "Filter",
        "Show only rows like type:Conv2d params>1e6 -frozen | nan, and what holds them; enter keeps it, esc ends it.",
        going.open_filter, "&",
    ),
    _action("go_to", "colon", "Go to", "To a row by its path or number; tab completes.", going.go_to_path, ":"),
    _action(
        "find_fuzzy", "ctrl+g", "Find by letters", "To a row by some letters of its path: l11at for layers.11.attn.",
        going.go_to_fuzzy, "^g",
    ),
    _action(
        "next_problem", "right_curly_bracket", "Next problem",
        "To the next row that failed, was found, is not loaded, is not finite or has dead units.",
        going.next_problem, "}",
    ),
    _action(
        "previous_problem", "left_curly_bracket", "Previous problem", "To the row with a problem before.",
        going.previous_problem, "{",
    ),
    _action(
        "shallower", "left_parenthesis", "Fold a level", "Show one level less of the tree.", going.shallower, "("
    ),
    _action(
        "deeper", "right_parenthesis", "Unfold a level", "Show one level more of the tree.", going.deeper, ")"
    ),
    _action(
        "sort", "greater_than_sign", "Sort",
        "By the next of: order, name, params, bytes, flops, time, memory; a click on a column's title does it too.",
        going.next_key, ">",
    ),
    _action(
        "sort_round", "less_than_sign", "Sort the other way", "The largest last, or first again.",
        going.turn_round, "<",
    ),
    *(
        _action(f"sort_{key}", "", f"Sort by {key}", f"Rows by {key}, below what holds them.", going.sort_by(key))
        for key in SORT_KEYS
    ),
    *(
        _action(f"depth_{depth}", f"alt+{depth}", f"Fold to depth {depth}",
                f"Show {depth} level{'s' if depth > 1 else ''} below the model.", going.fold_to(depth))
        for depth in range(1, 10)
    ),
)  # fmt: skip
