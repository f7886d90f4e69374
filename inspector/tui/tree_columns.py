"""The columns of the module tree, as wide as what the first rows hold."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from inspector.core import wording
from inspector.core.table import Row
from inspector.tui.cells import Column
from inspector.tui.cost_cells import FIGURE, WITH_SHARE

MEASURED = 2000
"""Rows looked at for the columns' widths; longer contents further down are cut."""
NOT_REACHED = "not reached"


def tree_columns(rows: Sequence[Row], name: int, least_name: int, marks: int, telling: bool = True) -> list[Column]:
    """The columns for some rows; `name` and `marks` are the widths that those two want, `least_name` what one needs.

    Marks that are not `telling`, because all is as it should be, give way to everything but the place.
    """
    traced = any(row.reached for row in rows)
    module = longest((f"{row.type}({row.hyperparameters})" for row in rows if row.kind != "function"), 12, 60)
    outputs = (wording.shapes(row.output_shapes) or ("" if row.reached else NOT_REACHED) for row in rows)
    output = longest(outputs, 6, 26)
    field = longest((wording.receptive_field(row.receptive_field) for row in rows), 0, 18)
    where = longest((place(row) for row in rows), 4, 22)
    flops = WITH_SHARE if any(row.flops for row in rows) else 0
    mark = max(5, min(marks, 8))
    # A title wider than everything below it would only take room from the name.
    return [
        Column(title="  name", key="name", width=name, least=least_name, share=1, middle=True),
        Column(title="module", width=module, least=12, priority=3, share=3, yields=True),
        Column(title="marks", width=max(marks, 5) if marks else 0, least=mark, priority=4 if telling else 7),
        Column(title="params", key="params", width=7, least=7, priority=2, right=True),
        Column(title="output", width=output if traced else 0, least=min(output, 14), priority=1),
        Column(title="field", width=max(field, 5) if field else 0, least=max(5, min(field, 12)), priority=5),
        Column(title="  flops", key="flops", width=flops, least=min(flops, FIGURE), priority=6),
        Column(title="where", width=where, least=min(where, 11), priority=8),
    ]


def longest(texts: Iterable[str], least: int, most: int) -> int:
    """Cells that the longest of the texts takes, within bounds."""
    return max(least, min(most, max((cell_len(text[:200]) for text in texts), default=0)))


def place(row: Row) -> str:
    """Device and dtype: ``cpu float32``."""
    return f"{row.device or ''} {row.dtype or ''}".strip()
