"""Tables of picked positions, against one-hot vectors that torch carries through the same operations."""

from itertools import product
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.edges import IDENTITY
from inspector.core.field_rules import apply
from inspector.core.field_rules.picking import Table
from inspector.core.fields import Field, OpCall
from inspector.core.sights import Picked, Place, Seen

PIXELS = 7


class Picking:
    """Positions of an axis picked by a matrix; beside the field, for each element which pixels it reads."""

    def __init__(self, matrix: torch.Tensor) -> None:
        seed = Field(axes={(0, 0): Seen(edges=IDENTITY, dim=0, length=PIXELS)})
        self.read = torch.eye(PIXELS, dtype=torch.bool)[matrix]
        taken = {0: Table(dims=[0, 1], sizes=list(matrix.shape), numbers=matrix.flatten().tolist())}
        call = OpCall(
            op="take",
            inputs=[((PIXELS,), seed)],
            output_shapes=[self.shape],
            settings={"taken": taken, "kept": {}},
        )
        self.field = apply(call)[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.read.shape[:-1])

    def through(self, op: str, read: torch.Tensor, **settings: Any) -> None:
        before, self.read = self.shape, read
        call = OpCall(op=op, inputs=[(before, self.field)], output_shapes=[self.shape], settings=settings)
        if op in ("where", "elementwise"):
            call = OpCall(op=op, inputs=[*call.inputs, ((), None)], output_shapes=[self.shape], settings=settings)
        self.field = apply(call)[0]

    def check(self) -> None:
        table = self.field.axes[0, 0] if self.field is not None else None
        assert isinstance(table, Picked)
        assert table.exact
        for index in product(*map(range, self.shape)):
            entry = 0
            for place in table.places:
                entry = entry * place.length + index[place.dim] // place.inner % place.length
            assert table.reads[entry] == set(self.read[index].nonzero().flatten().tolist())


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_element_reads_the_pixels_that_the_table_says(data: st.DataObject) -> None:
    sizes = data.draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    drawn = data.draw(st.lists(st.integers(0, PIXELS - 1), min_size=16, max_size=16))
    picking = Picking(torch.tensor(drawn)[: sizes[0] * sizes[1]].reshape(sizes))
    for _ in range(data.draw(st.integers(1, 4))):
        shape, rank = picking.shape, len(picking.shape)
        match data.draw(st.sampled_from(["mask", "permute", "slice", "sum", "flatten", "flip"])):
            case "mask":
                dim = data.draw(st.integers(0, rank - 1)) if rank else None
                count = shape[dim] if dim is not None else 1
                flags = data.draw(st.lists(st.booleans(), min_size=count, max_size=count).filter(any))
                mask = Table(dims=[] if dim is None else [dim], sizes=[] if dim is None else [count], numbers=flags)
                across = [count if at == dim else 1 for at in range(rank)]
                picking.through("where", picking.read & torch.tensor(flags).reshape([*across, 1]), mask=mask)
            case "permute":
                order = data.draw(st.permutations(range(rank)))
                picking.through("permute", picking.read.permute([*order, rank]), dims=order)
            case "slice" if rank:
                items = [(data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, 2))) for size in shape]
                read = picking.read[tuple(slice(start, None, step) for start, step in items)]
                picking.through("slice", read, items=items)
            case "sum" if rank:
                dim = data.draw(st.integers(0, rank - 1))
                picking.through("reduce", picking.read.any(dim), dims=[dim])
            case "flatten" if rank:
                picking.through("view", picking.read.flatten(0, rank - 1))
            case "flip" if rank:
                dim = data.draw(st.integers(0, rank - 1))
                picking.through("flip", picking.read.flip(dim), dims=[dim])
    picking.check()


def test_a_mask_along_other_dimensions_hides_from_every_axis_what_is_then_added() -> None:
    """``x[[0, 1]][:, [0, 6]]`` masked along its columns: of what is left only the first column is read."""
    shape = (PIXELS, PIXELS)
    seed = Field(axes={(0, axis): Seen(edges=IDENTITY, dim=axis, length=PIXELS) for axis in (0, 1)})
    taken = {0: Table(dims=[0], sizes=[2], numbers=[0, 5]), 1: Table(dims=[1], sizes=[2], numbers=[0, 6])}
    take = OpCall(op="take", inputs=[(shape, seed)], output_shapes=[(2, 2)], settings={"taken": taken, "kept": {}})
    diagonal = Table(dims=[0, 1], sizes=[2, 2], numbers=[1, 0, 0, 0])
    where = OpCall(
        op="where",
        inputs=[((2, 2), apply(take)[0]), ((), None)],
        output_shapes=[(2, 2)],
        settings={"mask": diagonal},
    )
    total = OpCall(op="reduce", inputs=[((2, 2), apply(where)[0])], output_shapes=[()])
    field = apply(total)[0]
    assert field is not None
    assert [sight.reads for sight in field.axes.values() if isinstance(sight, Picked)] == [(frozenset({0}),)] * 2


def test_places_that_make_no_difference_are_left_out() -> None:
    picking = Picking(torch.tensor([[1, 2, 5], [1, 2, 5]]))
    assert picking.field is not None
    table = picking.field.axes[0, 0]
    assert isinstance(table, Picked)
    assert table.places == (Place(dim=1, length=3),)
