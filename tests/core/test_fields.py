"""Fields through rearrangements, against coordinates that torch carries through the same operations."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from inspector.core.edges import IDENTITY, Edges
from inspector.core.field_rules import RULES, apply
from inspector.core.fields import Field, OpCall, TrackedInputs, merged
from inspector.core.picking_tables import settled
from inspector.core.sights import Picked, Seen, Unknown, Whole, plain
from inspector.core.table import FieldAxis, ReceptiveField

SHAPE = (2, 3, 4, 6)


class Carried:
    """A tensor's field beside, for each input axis, a tensor that holds every element's coordinate along it."""

    def __init__(self) -> None:
        self.field: Field | None = TrackedInputs([SHAPE], [True]).seed(0)
        self.coordinates = [
            torch.arange(size).reshape([-1 if other == axis else 1 for other in range(4)]).expand(SHAPE)
            for axis, size in enumerate(SHAPE)
        ]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.coordinates[0].shape)

    def through(self, op: str, run: Any, **settings: object) -> None:
        before = self.shape
        self.coordinates = [run(coordinate) for coordinate in self.coordinates]
        call = OpCall(op=op, inputs=[(before, self.field)], output_shapes=[self.shape], settings=settings)
        self.field = apply(call)[0]

    def check(self) -> None:
        assert self.field is not None
        for axis, coordinate in enumerate(self.coordinates):
            table, sight = self.field.axes[0, axis], settled(self.field.axes[0, axis])
            assert isinstance(sight, Seen)
            for index in torch.cartesian_prod(*(torch.arange(size) for size in self.shape)).reshape(
                -1, len(self.shape)
            ):
                place = 0 if sight.dim is None else int(index[sight.dim]) // sight.inner % sight.length
                low, high = sight.edges.at(place)
                at = int(coordinate[tuple(index)])
                assert low <= at <= high
                several = isinstance(table, Picked) and len(table.places) > 1
                if sight.edges.exact and not several:
                    assert low == at == high
                if isinstance(table, Picked) and table.axis.edges.exact:
                    assert read_by(table, index.tolist()) == {at}


def read_by(table: Picked, index: list[int]) -> set[int]:
    """What the element at an index of the tensor reads, where each position of the axis is one pixel."""
    entry = 0
    for place in table.places:
        entry = entry * place.length + index[place.dim] // place.inner % place.length
    return {table.axis.edges.at(position)[0] for position in table.reads[entry]}


def factorisations(total: int, data: st.DataObject) -> list[int]:
    sizes = []
    while total > 1 and len(sizes) < 4:
        divisors = [number for number in range(2, total + 1) if total % number == 0]
        sizes.append(data.draw(st.sampled_from(divisors)))
        total //= sizes[-1]
    return [*sizes, total] if total > 1 or not sizes else sizes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rearranged_elements_keep_their_coordinates(data: st.DataObject) -> None:
    carried = Carried()
    for _ in range(data.draw(st.integers(1, 4))):
        rank = len(carried.shape)
        match data.draw(st.sampled_from(["permute", "view", "view", "flip", "roll", "slice", "repeat"])):
            case "permute":
                dims = data.draw(st.permutations(range(rank)))
                carried.through("permute", lambda c, dims=dims: c.permute(dims), dims=dims)
            case "view":
                shape = factorisations(carried.coordinates[0].numel(), data)
                carried.through("view", lambda c, shape=shape: c.reshape(shape))
                assert carried.field is not None
                if any(isinstance(sight, Unknown) for sight in carried.field.axes.values()):
                    return
            case "flip":
                dim = data.draw(st.integers(0, rank - 1))
                carried.through("flip", lambda c, dim=dim: c.flip(dim), dims=[dim])
            case "roll":
                dim, shift = data.draw(st.integers(0, rank - 1)), data.draw(st.integers(-3, 3))
                carried.through("roll", lambda c, d=dim, s=shift: c.roll(s, d), dims=[dim], shifts=[shift])
            case "slice":
                items = [(data.draw(st.integers(0, size // 2)), data.draw(st.integers(1, 2))) for size in carried.shape]
                index = tuple(slice(start, None, step) for start, step in items)
                carried.through("slice", lambda c, index=index: c[index], items=items)
            case "repeat":
                times = data.draw(st.lists(st.integers(1, 2), min_size=rank, max_size=rank))
                carried.through("repeat", lambda c, times=times: c.repeat(times))
    if carried.coordinates[0].numel() <= 2000:
        carried.check()


def test_image_to_tokens_and_back_is_followed_without_a_bound() -> None:
    carried = Carried()
    carried.through("view", lambda c: c.flatten(2))
    carried.through("permute", lambda c: c.transpose(1, 2), dims=[0, 2, 1])
    carried.check()
    carried.through("permute", lambda c: c.transpose(1, 2), dims=[0, 2, 1])
    carried.through("view", lambda c: c.reshape(SHAPE))
    assert carried.field == TrackedInputs([SHAPE], [True]).seed(0)


def test_channels_made_of_blocks_by_views_see_what_those_of_a_pixel_unshuffle_see() -> None:
    tracked = TrackedInputs([SHAPE], [True])
    carried = Carried()
    carried.through("view", lambda c: c.reshape(2, 3, 2, 2, 3, 2))
    carried.through("permute", lambda c: c.permute(0, 1, 3, 5, 2, 4), dims=[0, 1, 3, 5, 2, 4])
    carried.through("view", lambda c: c.reshape(2, 12, 2, 3))
    carried.check()
    call = OpCall(op="pixel_unshuffle", inputs=[(SHAPE, tracked.seed(0))], output_shapes=[(2, 12, 2, 3)])
    unshuffled = apply(structs.replace(call, settings={"factor": 2}))[0]
    assert tracked.receptive_field(carried.field) == tracked.receptive_field(unshuffled)


def test_joined_parts_keep_their_coordinates() -> None:
    carried = Carried()
    seed = carried.field
    first = OpCall(
        op="slice", inputs=[(SHAPE, seed)], output_shapes=[(2, 3, 4, 2)], settings={"items": [(0, 1)] * 3 + [(4, 1)]}
    )
    swapped = OpCall(
        op="cat",
        inputs=[((2, 3, 4, 2), apply(first)[0]), (SHAPE, seed), ((2, 3, 4, 1), None)],
        output_shapes=[(2, 3, 4, 9)],
        settings={"dim": 3},
    )  # fmt: skip
    field = apply(swapped)[0]
    assert field is not None
    sight = field.axes[0, 3]
    assert isinstance(sight, Seen)
    assert [sight.edges.at(u) for u in range(8)] == [(c, c) for c in torch.cat([torch.arange(4, 6), torch.arange(6)])]
    low, high = sight.edges.at(8)
    assert low > high, "the constant part sees nothing"


def test_parts_of_what_sees_everything_keep_their_own_windows_where_they_are_joined() -> None:
    field = apply(OpCall(op="softmax", inputs=[(SHAPE, TrackedInputs([SHAPE], [True]).seed(0))], output_shapes=[SHAPE],
                         settings={"dims": [3]}))[0]  # fmt: skip
    halves = {"items": [(0, 1)] * 3 + [(0, 1)]}, {"items": [(0, 1)] * 3 + [(2, 1)]}
    shapes = (2, 3, 4, 2), (2, 3, 4, 4)
    first, second = (
        apply(OpCall(op="slice", inputs=[(SHAPE, field)], output_shapes=[shape], settings=items))[0]
        for shape, items in zip(shapes, halves, strict=True)
    )
    swapped = [(shapes[1], second), (shapes[0], first)]
    joined = apply(OpCall(op="cat", inputs=swapped, output_shapes=[SHAPE], settings={"dim": 3}))[0]
    rolled = apply(
        OpCall(op="roll", inputs=[(SHAPE, field)], output_shapes=[SHAPE], settings={"dims": [3], "shifts": [-2]})
    )[0]
    assert joined is not None
    assert rolled is not None
    (here, there) = (one.axes[0, 3] for one in (joined, rolled))
    assert isinstance(here, Whole)
    assert isinstance(there, Whole)
    assert here.local is not None
    assert there.local is not None
    assert here.local.edges == there.local.edges


def seen(dim: int | None, length: int, edges: Edges = IDENTITY, **more: Any) -> Seen:
    return Seen(edges=edges, dim=dim, length=length, **more)


def one(sight: Any) -> Field:
    return Field(axes={(0, 2): sight})


def test_a_dimension_and_its_repeated_copy_meet_position_by_position() -> None:
    field = merged([one(seen(0, 12)), one(seen(0, 4, Edges(lo=(0,), hi=(2,), shift=3), inner=3))], "add")
    assert field == one(seen(0, 12, Edges(lo=(0, 0, 0), hi=(2, 2, 2), shift=3)))
    both = plain(seen(0, 2, inner=3), 12)
    assert [both.edges.at(u)[0] for u in range(12)] == [0, 0, 0, 1, 1, 1] * 2


def test_positions_along_two_dimensions_at_once_see_at_most_everything() -> None:
    field = merged([one(seen(1, 8)), one(seen(2, 8))], "scores")
    assert field == one(Whole(via="scores", local=seen(1, 8)))


def test_the_whole_axis_stays_whole_beside_an_unknown_part() -> None:
    assert merged([one(Unknown(operation="f")), one(Whole(via="gate"))], "") == one(Whole(via="gate"))
    assert merged([one(Unknown(operation="f")), one(seen(2, 8))], "") == one(Unknown(operation="f"))


def test_the_mean_of_a_part_sees_that_part_only() -> None:
    field = one(seen(2, 3, Edges(lo=(4,), hi=(6,), shift=1), cropped=True))
    call = OpCall(op="reduce", inputs=[((1, 1, 3), field)], output_shapes=[(1, 1)], settings={"dims": [2]})
    (result,) = apply(call)
    assert result is not None
    assert result.axes[0, 2] == seen(None, 1, Edges(lo=(4,), hi=(8,), shift=0), cropped=True)


def conv(shape: tuple[int, ...], field: Field | None, kernel: int, inputs: TrackedInputs) -> Field | None:
    count = len(shape) - 2
    settings = {"kernel": [kernel] * count, **{n: [1] * count for n in ("stride", "dilation")}, "padding": [0] * count}
    output = (*shape[:2], *(size - kernel + 1 for size in shape[2:]))
    return apply(OpCall(op="conv", inputs=[(shape, field)], output_shapes=[output], settings=settings), inputs)[0]


def test_the_first_window_tells_which_axes_are_spatial() -> None:
    inputs = TrackedInputs([(2, 9, 5), (2, 4)], [True, True])
    seed = FieldAxis(pixels=9, units=9, dim=1, first=[0], last=[0], shift=1)
    assert inputs.receptive_field(inputs.seed(0)) == ReceptiveField(
        status="exact", size=[1], stride=[1], start=[0], axes=[seed]
    )
    assert inputs.spatial_axes(0) == [1], "a sequence of vectors, as long as nothing is known"
    field = conv((2, 9, 5), inputs.seed(0), 3, inputs)
    assert inputs.spatial_axes(0) == [2]
    window = FieldAxis(pixels=5, units=3, dim=2, first=[0], last=[2], shift=1)
    assert inputs.receptive_field(field) == ReceptiveField(
        status="exact", size=[3], stride=[1], start=[0], axes=[window]
    )
    assert inputs.receptive_field(inputs.seed(1)) is None


def test_branches_with_different_strides_are_told_as_a_bound() -> None:
    inputs = TrackedInputs([(1, 1, 8, 8)], [True])
    start = [((1, 1, 8, 8), inputs.seed(0))]
    every_second = {"items": [(0, 1), (0, 1), (0, 2), (0, 2)]}
    first_four = {"items": [(0, 1)] * 4}
    branches = [
        apply(OpCall(op="slice", inputs=start, output_shapes=[(1, 1, 4, 4)], settings=settings))[0]
        for settings in (every_second, first_four)
    ]
    field = inputs.receptive_field(merged(branches, ""))
    assert field is not None
    assert (field.status, field.size) == ("upper_bound", [4, 4]), "position 3 sees pixels 3 and 6"


def test_an_operation_without_a_rule_names_itself() -> None:
    inputs = TrackedInputs([(1, 1, 8, 8)], [True])
    call = OpCall(op="no such operation", inputs=[((1, 1, 8, 8), inputs.seed(0))], output_shapes=[(1,), (2,)])
    first, second = apply(call)
    told = ReceptiveField(status="unknown", via="no such operation")
    assert inputs.receptive_field(first) == inputs.receptive_field(second) == told
    assert apply(OpCall(op="no such operation", inputs=[((1,), None)], output_shapes=[(1,)])) == [None]


@pytest.mark.parametrize("op", sorted(RULES))
def test_every_rule_leaves_constants_constant(op: str) -> None:
    call = OpCall(op=op, inputs=[((2, 3), None), ((2, 3), None)], output_shapes=[(2, 3)])
    assert apply(call) == [None]


def test_branches_out_of_step_are_told_from_where_they_first_met() -> None:
    inputs = TrackedInputs([(1, 4, 9, 9)], [True])
    seed = inputs.seed(0)
    cropped = conv((1, 4, 9, 9), seed, 3, inputs)
    corner = {"items": [(0, 1), (0, 1), (0, 1), (0, 1)]}
    (start,) = apply(OpCall(op="slice", inputs=[((1, 4, 9, 9), seed)], output_shapes=[(1, 4, 7, 7)], settings=corner))
    first = inputs.receptive_field(merged([start, cropped], "block"))
    assert first is not None
    assert first.misaligned == "branches meet 1 pixel out of step in block"
    behind = merged([conv((1, 4, 7, 7), merged([start, cropped], "block"), 3, inputs), seed], "head")
    later = inputs.receptive_field(behind)
    assert later is not None
    assert later.misaligned == first.misaligned, "the first place is the one to look at"
    # Halves of the channels may meet: only along an image's own axes is that out of step.
    channels = {"items": [(0, 1), (2, 1), (0, 1), (0, 1)]}
    (upper,) = apply(OpCall(op="slice", inputs=[((1, 4, 9, 9), seed)], output_shapes=[(1, 4, 9, 9)], settings=channels))
    together = inputs.receptive_field(merged([seed, upper], "mix"))
    assert together is not None
    assert together.misaligned is None


def test_an_exact_size_is_that_of_a_unit_which_the_border_does_not_cut() -> None:
    statuses = set()
    for pixels, units in [(19, 5), (19, 9), (20, 3), (20, 7), (23, 9), (31, 4), (32, 8), (37, 11)]:
        inputs = TrackedInputs([(1, 1, pixels)], [True])
        settings: dict[str, object] = {"kernel": [3], "stride": [1], "padding": [1], "dilation": [1], "axes": 1}
        start, shape = [((1, 1, pixels), inputs.seed(0))], (1, 1, units)
        (binned,) = apply(OpCall(op="adaptive_pool", inputs=start, output_shapes=[shape], settings={"axes": 1}))
        call = OpCall(op="conv", inputs=[(shape, binned)], output_shapes=[shape], settings=settings)
        told = inputs.receptive_field(apply(call, inputs)[0])
        assert told is not None
        bins = [set(range(u * pixels // units, -(-(u + 1) * pixels // units))) for u in range(units)]
        largest = max(len(set().union(*bins[max(u - 1, 0) : u + 2])) for u in range(units))
        assert told.size == [largest] if told.status == "exact" else told.size[0] >= largest
        statuses.add(told.status)
    assert statuses == {"exact", "upper_bound"}
