"""The second panel: the tensors at or below a row."""

from collections.abc import Sequence
from typing import Any

from inspector.core import wording
from inspector.core.natural_order import natural_key
from inspector.core.table import ModelTable, Tensor
from inspector.tui.cells import Cell, Column
from inspector.tui.page import CODE, MUTED, WARNING, Page
from inspector.tui.sorted_rows import SortedRows
from inspector.tui.view import View

PIECES = 8
"""Files of a tensor named before the rest is counted."""


class TensorList(SortedRows):
    """Parameters and buffers with shape, dtype and what is special about them."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tensors: list[Tensor] = []
        self._view: View | None = None
        self._marked = False

    def show(self, view: View) -> None:
        """Show the view's tensors, the cursor on the chosen one."""
        tensors = view.tensors
        before = self._view
        self._view = view
        if before and before.table is view.table and before.row is view.row and before.spelling == view.spelling:
            return
        self._tensors = tensors
        self._marked = any(_remark(tensor, view.table) for tensor in tensors[:2000])
        chosen = view.tensor.key if view.tensor else None
        self.lay(next((row for row, tensor in enumerate(tensors) if tensor.key == chosen), None))

    def own_order(self) -> Sequence[int]:
        """Every tensor, in the order of the state_dict."""
        return range(len(self._tensors))

    def sort_value(self, key: str, row: int) -> Any:
        """Of its name, its dtype, or how many elements it has."""
        tensor = self._tensors[row]
        return {"name": natural_key(tensor.key), "dtype": tensor.dtype, "shape": tensor.elements}[key]

    @property
    def current(self) -> Tensor | None:
        """The tensor under the cursor."""
        at = self.row_at
        return None if at is None else self._tensors[at]

    def columns(self) -> Sequence[Column]:
        """Key, shape, dtype, remark."""
        return [
            Column(title="tensor", key="name", width=40, least=16, share=1, middle=True),
            Column(title="shape", key="shape", width=16, least=8, priority=1),
            Column(title="dtype", key="dtype", width=8, least=7, priority=3),
            Column(title="remark", width=24 if self._marked else 0, least=8, priority=2),
        ]

    def cells(self, row: int, widths: Sequence[int]) -> Sequence[Cell]:
        """A tensor's cells; the key without the row's own path, which is in the title of the panel."""
        tensor = self._tensors[row]
        view = self._view
        key = view.spell(tensor.key) if view else tensor.key
        above = view.spell(view.row.path) + "." if view and view.row.path else ""
        return [
            [(key.removeprefix(above), "name" if tensor.kind == "parameter" else "kind")],
            [("uninitialised" if tensor.lazy else wording.shape(tensor.shape), "")],
            [(tensor.dtype, "muted")],
            [(_remark(tensor, view.table) if view else "", "mark")],
        ]


def tensor_page(view: View) -> Page:
    """The chosen tensor: key, expression, memory, ties."""
    page = Page()
    tensor = view.tensor
    if tensor is None:
        page.line(("no tensor here", MUTED))
        return page
    page.line((view.spell(tensor.key), "bold"))
    page.line((tensor.expression, CODE))
    saved = "" if tensor.persistent else ", not saved in the state_dict"
    page.fact("kind", f"{tensor.kind}{saved}")
    if tensor.lazy:
        page.fact("shape", "uninitialised: no pass has given it one yet", WARNING)
    else:
        page.fact("shape", f"{wording.shape(tensor.shape)}  {tensor.dtype}  on {tensor.device}")
        page.fact("size", f"{wording.exact(tensor.elements)} elements, {wording.size_in_bytes(tensor.bytes)}")
    if tensor.distribution is not None:
        page.fact("spread", wording.distribution(tensor.distribution))
    if _is_frozen(tensor, view.table):
        page.fact("frozen", "requires_grad is False", WARNING)
    if tensor.tied_to:
        page.fact("tied to", "\n".join(view.spell(key) for key in tensor.tied_to))
    places = wording.places(tensor)
    if places:
        more = [f"and {len(places) - PIECES:,} more"] if len(places) > PIECES else []
        page.fact("in", "\n".join([*places[:PIECES], *more]))
    return page


def _is_frozen(tensor: Tensor, table: ModelTable) -> bool:
    return tensor.kind == "parameter" and not tensor.trainable and table.knows_trainable


def _remark(tensor: Tensor, table: ModelTable) -> str:
    remarks = [f"= {tensor.tied_to[0]}"] if tensor.tied_to else []
    if _is_frozen(tensor, table):
        remarks.append("frozen")
    if not tensor.persistent:
        remarks.append("not saved")
    return ", ".join(remarks)
