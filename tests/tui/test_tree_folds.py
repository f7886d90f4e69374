"""Lines of a filtered and sorted tree against the definition, row by row."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.row_filters import kept_rows
from inspector.core.table import Row
from inspector.tui.tree_folds import Outline, TreeFolds

NESTINGS = st.lists(st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=4), max_leaves=25))


def nested(nesting) -> list[Row]:
    """Preorder rows of nested lists; an odd number is a function."""
    rows: list[Row] = []

    def add(node, parent, depth):
        index = len(rows)
        rows.append(None)
        for child in node if isinstance(node, list) else []:
            add(child, index, depth + 1)
        kind = "function" if isinstance(node, int) and node % 2 else "module"
        rows[index] = Row(index=index, parent=parent, kind=kind, path=str(index), type="T", depth=depth,
                          subtree=len(rows) - index)  # fmt: skip

    add(nesting, None, 0)
    return rows


def backwards(rows) -> list[int]:
    """A preorder in which the children of every row stand the other way round."""

    def below(index):
        children = [row.index for row in rows if row.parent == index]
        return [index, *(one for child in reversed(children) for one in below(child))]

    return below(0)


@given(NESTINGS, st.data())
def test_lines_are_kept_rows_in_their_order_that_nothing_folded_is_above_of(nesting, data):
    rows = nested(nesting)
    indices = st.sampled_from(range(len(rows)))
    matching = data.draw(st.none() | st.sets(indices))
    order = data.draw(st.sampled_from([None, backwards(rows)]))
    functions = data.draw(st.booleans())
    folds = TreeFolds(Outline(rows), [], functions, None)
    folds.order = order
    if matching is not None:
        folds = folds.filtered(kept_rows(rows, matching))
    folded = data.draw(st.sets(indices))
    for index in range(len(rows)):
        folds.fold(index, index in folded)
    folds.lay()

    def above(index):
        while (index := rows[index].parent) is not None:
            yield index

    def is_kept(index):
        return matching is None or index == 0 or any(index in (one, *above(one)) for one in matching)

    def is_shown(index):
        hidden = rows[index].kind == "function" and not functions
        return is_kept(index) and not hidden and not any(one in folded for one in above(index))

    assert folds.lines == [index for index in order or range(len(rows)) if is_shown(index)]
    for line in folds.lines:
        siblings = [one for one in folds.lines if rows[one].parent == rows[line].parent]
        following = siblings[siblings.index(line) + 1 :]
        assert folds.sibling(line, 1) == (following[0] if following else None)


@given(NESTINGS, st.integers(0, 4))
def test_folding_to_a_depth_shows_the_rows_down_to_it(nesting, depth):
    rows = nested(nesting)
    folds = TreeFolds(Outline(rows), [], True, None)
    folds.fold_to(depth)
    folds.lay()
    assert folds.lines == [row.index for row in rows if row.depth <= depth]
