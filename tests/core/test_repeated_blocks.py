"""Blocks that repeat: what is told of them is enough to have every row and tensor again."""

import pytest
from dotted_tables import table_of_keys, transformer
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.repeated_blocks import repeated_blocks, runs_of
from inspector.core.table import ModelTable, ReceptiveField

KINDS = {
    "A": {"w": [4, 4]},
    "B": {"w": [4, 5]},
    "C": {"up.w": [2, 2], "down.w": [2, 2]},
    "D": {"up.w": [2, 2]},
}


def listed(kinds: str, start: int = 0, before: str = "layers.") -> dict[str, list[int]]:
    return {
        f"{before}{number}.{name}": shape
        for number, kind in enumerate(kinds, start)
        for name, shape in KINDS[kind].items()
    }


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("CC", []),
        ("CCC", [("0", "2", 3, [])]),
        ("CCCCDCC", [("0", "6", 6, ["4"])]),
        ("DCCCCC", [("1", "5", 5, ["0"])]),
        ("CCCCCD", [("0", "4", 5, ["5"])]),
        ("CDCC", [("0", "3", 3, ["1"])]),
        ("DDDCCCCCDCC", [("0", "2", 3, []), ("3", "10", 7, ["8"])]),
        ("CCCDD", [("0", "2", 3, [])]),
        ("CDCDCD", []),
        ("AAAA", [("0", "3", 4, [])]),
        ("AAAAB", [("0", "3", 4, ["4"])]),
        ("AAABBAB", []),
    ],
)
def test_nearly_all_of_a_list_or_a_stretch_of_it_repeats(kinds, expected) -> None:
    blocks = repeated_blocks(table_of_keys(listed(kinds)))
    told = [(one.first, one.last, one.count, [each.path.rpartition(".")[2] for each in one.differs]) for one in blocks]
    assert told == expected
    assert all(one.path == "layers" for one in blocks)


def test_names_count_up_behind_any_beginning_and_without_a_gap() -> None:
    shapes = (
        listed("CCC", 1, "block") | listed("CCCC", 2, "net.layer_0") | listed("CC", 0, "gap.") | listed("CC", 3, "gap.")
    )
    runs = runs_of(table_of_keys(shapes))
    assert [run.title for run in runs] == ["block1…3 ×3", "layer_02…05 ×4"]
    assert runs_of(table_of_keys({f"{name}.w": [3] for name in ("a", "b", "c", "x1", "y2", "z3")})) == []


def test_they_are_found_in_whatever_order_a_file_lists_them() -> None:
    shapes = listed("C" * 12)
    (block,) = repeated_blocks(table_of_keys(dict(sorted(shapes.items()))))
    assert (block.first, block.last, block.count, block.rows) == ("0", "11", 12, 3)


def test_the_sums_are_those_of_the_blocks_that_are_alike() -> None:
    table = table_of_keys(transformer())
    (block,) = repeated_blocks(table)
    alike = [one for one in table.tensors if one.key.startswith("layers.") and ".7." not in one.key]
    assert block.parameters == sum(one.elements for one in alike)
    assert block.bytes == sum(one.bytes for one in alike)
    assert (block.count, block.rows) == (11, 7)


def test_sums_of_blocks_that_share_tensors_are_not_known() -> None:
    table = table_of_keys(listed("CCC"), of_rows={"layers": {"parameters": 8}})
    (block,) = repeated_blocks(table)
    assert (block.parameters, block.bytes) == (None, None)


CHANGES = {
    "mlp.up.weight 4×8, elsewhere 32×8": ({"layers.7.mlp.up.weight": [4, 8]}, {}, {}),
    "mlp.up.weight float16, elsewhere float32": ({}, {"layers.7.mlp.up.weight": "float16"}, {}),
    "mlp.up.weight 4×8 float16, elsewhere 32×8 float32": (
        {"layers.7.mlp.up.weight": [4, 8]}, {"layers.7.mlp.up.weight": "float16"}, {}
    ),
    "has mlp.up.bias 32 as well": ({"layers.7.mlp.up.bias": [32]}, {}, {}),
    "has gate as well": ({"layers.7.gate.inner.weight": [3]}, {}, {}),
    "mlp.up Linear, elsewhere prefix": ({}, {}, {"layers.7.mlp.up": {"type": "Linear"}}),
    "mlp.up prefix(bias=True), elsewhere prefix()": ({}, {}, {"layers.7.mlp.up": {"hyperparameters": "bias=True"}}),
    "puts out 1×9, elsewhere 1×8": ({}, {}, {f"layers.{n}": {"output_shapes": [[1, 8 + (n == 7)]]} for n in range(12)}),
    "1 parameters, elsewhere 768": ({}, {}, {"layers.7": {"parameters": 1}}),
    "mode train, elsewhere eval": ({}, {}, {"layers.7": {"training": True}}),
}  # fmt: skip


@pytest.mark.parametrize("words", CHANGES)
def test_what_differs_is_said_in_words(words) -> None:
    shapes, dtypes, of_rows = CHANGES[words]
    table = table_of_keys(transformer(odd=None) | shapes, dtypes, of_rows=of_rows)
    (block,) = repeated_blocks(table)
    (differing,) = block.differs
    assert differing.path == "layers.7"
    assert differing.what.startswith(words)


def test_what_is_missing_is_said_and_many_differences_are_counted() -> None:
    shapes = transformer(odd=None)
    del shapes["layers.7.mlp.up.weight"]
    (block,) = repeated_blocks(table_of_keys(shapes))
    assert block.differs[0].what.startswith("has no mlp.up")
    (block,) = repeated_blocks(table_of_keys(transformer(odd=None) | {f"layers.7.extra{n}": [1] for n in range(5)}))
    assert block.differs[0].what.count(" as well") == 3
    assert block.differs[0].what.endswith(" and 3 more")


def test_what_else_is_asked_to_be_the_same_parts_blocks() -> None:
    table = table_of_keys(listed("CCCCCC"))
    assert len(runs_of(table)) == 1
    apart = runs_of(table, lambda row: [("side ", "left" if row.path < "layers.3" else "right")])
    assert [run.blocks.count for run in apart] == [3, 3]
    (run,) = runs_of(table, lambda row: [("memory ", "4 MiB" if row.path == "layers.2" else "3 MiB")])
    assert [(one.path, one.what) for one in run.blocks.differs] == [("layers.2", "memory 4 MiB, elsewhere 3 MiB")]


def test_receptive_fields_that_grow_make_no_difference() -> None:
    fields = {
        f"layers.{number}": {"receptive_field": ReceptiveField(status="exact", size=[3 + 2 * number], stride=[1])}
        for number in range(5)
    }
    (block,) = repeated_blocks(table_of_keys(listed("CCCCC"), of_rows=fields))
    assert (block.count, block.differs) == (5, [])


def test_parts_in_another_order_are_named() -> None:
    shapes = listed("CCCC")
    del shapes["layers.1.up.w"]
    shapes["layers.1.up.w"] = [2, 2]
    (block,) = repeated_blocks(table_of_keys(shapes))
    assert [one.what for one in block.differs] == ["down before up, elsewhere behind it"]


def expanded(table: ModelTable) -> tuple[set[tuple[str, str]], dict[str, tuple[list[int] | None, str]]]:
    """Rows and tensors again from those that folding leaves and from what is told of the others."""
    blocks = repeated_blocks(table)
    left_out = {path for block in blocks for path in copies(block)}

    def kept(path: str) -> bool:
        parts = path.split(".")
        return not any(".".join(parts[:length]) in left_out for length in range(1, len(parts) + 1))

    rows = {(row.path, row.type) for row in table.rows if kept(row.path)}
    tensors = {one.key: (one.shape, one.dtype) for one in table.tensors if kept(one.key)}
    for block in reversed(blocks):
        first = f"{block.path}.{block.first}" if block.path else block.first
        inside = [(path, type_) for path, type_ in rows if path == first or path.startswith(f"{first}.")]
        held = [(key, what) for key, what in tensors.items() if key.startswith(f"{first}.")]
        for path in copies(block):
            rows |= {(path + one[len(first) :], type_) for one, type_ in inside}
            tensors |= {path + key[len(first) :]: what for key, what in held}
    return rows, tensors


def copies(block) -> list[str]:
    """The paths of the blocks that are alike, but for the first."""
    within = f"{block.path}." if block.path else ""
    before = block.first.rstrip("0123456789")
    numbers = range(int(block.first[len(before) :]) + 1, int(block.last[len(before) :]) + 1)
    paths = [f"{within}{before}{number}" for number in numbers]
    return [path for path in paths if path not in {one.path for one in block.differs}]


INNER = st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.just("") | INNER, min_size=1, max_size=7), st.lists(INNER, min_size=1, max_size=2))
def test_every_row_and_tensor_comes_back_from_what_is_told(outer, heads) -> None:
    shapes: dict[str, list[int]] = {}
    for number, inner in enumerate(outer):
        shapes |= {f"layers.{number}.norm.w": [4]}
        shapes |= listed(inner, 0, f"layers.{number}.experts.")
    for number, inner in enumerate(heads):
        shapes |= listed(inner, 1, f"head{number}.part")
    table = table_of_keys(shapes)
    rows, tensors = expanded(table)
    assert rows == {(row.path, row.type) for row in table.rows}
    assert tensors == {one.key: (one.shape, one.dtype) for one in table.tensors}


def test_names_of_any_length_and_depth_are_looked_at_in_bounded_time() -> None:
    deep = ".".join(["0"] * 60) + ".w"
    long = {f"{'9' * 5000}{n}.w": [1] for n in range(4)}
    assert repeated_blocks(table_of_keys({deep: [1], **long})) == []
