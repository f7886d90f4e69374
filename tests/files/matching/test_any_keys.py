"""Whatever keys and shapes two sides have, what is said of them is consistent."""

from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inspector.files.matching import Change, Entry, Transfer, diagnose
from inspector.files.matching.sequences import align

pytestmark = pytest.mark.slow

PARTS = st.sampled_from(
    ["weight", "bias", "module", "0", "1", "2", "q", "k", "v", "qkv", "in_proj_weight", "weight_g", "weight_v",
     "layer1", "layer2", "a", "b", "gamma", "parametrizations", "original0", "²", "٣", "", "9" * 12, "running_mean"]
)  # fmt: skip
KEYS = st.lists(PARTS, min_size=1, max_size=5).map(".".join) | st.text(max_size=4)
SHAPES = st.none() | st.lists(st.sampled_from([0, 1, 2, 3, 6, 64]), max_size=4).map(tuple)
SIDES = st.dictionaries(KEYS, SHAPES, max_size=12)


def shape_after(shape: tuple[int, ...], step: Change) -> tuple[int, ...]:
    if step.op == "permute":
        return tuple(shape[axis] for axis in step.axes)
    if step.op == "part":
        assert 0 <= (step.start or 0) <= (step.stop or 0) <= shape[0]
        return ((step.stop or 0) - (step.start or 0), *shape[1:])
    assert step.op == "reshape"
    return tuple(step.shape)


def shape_of(transfer: Transfer, shapes: dict[str, tuple[int, ...] | None]) -> tuple[int, ...] | None:
    given = [shapes[source] for source in transfer.sources]
    if any(shape is None for shape in given):
        return None
    shape, steps = given[0] or (), transfer.changes
    if steps and steps[0].op == "join":
        shape, steps = (sum((one or (0,))[0] for one in given), *shape[1:]), steps[1:]
    for step in steps:
        shape = shape_after(shape, step)
    return shape


@given(SIDES, SIDES)
@example({"layer.²": (2,)}, {"layer.٣": (2,)})
@settings(max_examples=400, deadline=None)
def test_every_key_is_accounted_for_once_and_every_transfer_fits(file: dict, model: dict) -> None:
    diagnosis = diagnose(
        [Entry(key=key, shape=shape) for key, shape in file.items()],
        [Entry(key=key, shape=shape) for key, shape in model.items()],
    )
    targets = [one.target for one in diagnosis.transfers]
    assert len(set(targets)) == len(targets) == diagnosis.matched
    for one in diagnosis.transfers:
        made, wanted = shape_of(one, file), model[one.target]
        assert made is None or wanted is None or made == wanted
    of_model = [*targets, *diagnosis.missing, *(one.key for one in diagnosis.mismatched)]
    of_model += [one.key for one in diagnosis.benign if one.side == "model"]
    assert sorted(of_model) == sorted(model)
    assert 0 <= diagnosis.coverage <= 1
    assert set(diagnosis.unexpected) <= set(file)
    assert not set(diagnosis.unexpected) & {source for one in diagnosis.transfers for source in one.sources}


@given(SIDES)
@settings(max_examples=200, deadline=None)
def test_the_same_keys_and_shapes_are_never_renamed(side: dict) -> None:
    entries = [Entry(key=key, shape=shape) for key, shape in side.items()]
    diagnosis = diagnose(entries, entries)
    assert diagnosis.loads
    assert diagnosis.rules == []
    assert diagnosis.ambiguous == []


@given(st.lists(st.sampled_from("ab"), max_size=5), st.lists(st.sampled_from("ab"), max_size=5))
@settings(max_examples=300, deadline=None)
def test_sequences_are_aligned_as_the_best_of_all_alignments_and_sure_where_none_pairs_otherwise(
    one: list, other: list
) -> None:
    first, second = [f"x{at}" for at in range(len(one))], [f"y{at}" for at in range(len(other))]
    found = align(first, second, lambda i, j: float(one[i] == other[j]))
    best = max(
        (
            [pairs for pairs in increasing(len(one), len(other), count) if all(one[i] == other[j] for i, j in pairs)]
            for count in range(min(len(one), len(other)), -1, -1)
        ),
        key=lambda options: len(options[0]) if options else -1,
    )
    assert [(pair.first, pair.second) for pair in found] in best
    if len(one) != len(other) or one != other:
        for pair in found:
            otherwise = any((i == pair.first) != (j == pair.second) for pairs in best for i, j in pairs)
            assert otherwise == bool(pair.rivals)


def increasing(rows: int, columns: int, count: int) -> list[list[tuple[int, int]]]:
    return [
        list(zip(chosen, others, strict=True))
        for chosen in combinations(range(rows), count)
        for others in combinations(range(columns), count)
    ]
