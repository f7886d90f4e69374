from math import ceil
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx_graphs import array, model_of, opened, quiet, saved, value

from inspector.core.recipe import Recipe
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.field_readers import READERS

WIDTH = 24


def ones(name, *shape):
    return array(name, numpy.ones(shape, numpy.float32))


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def fused(kind, inputs, output, **attributes):
    return node(kind, inputs, output, domain="com.microsoft", **attributes)


def conv(source, output, weight, **attributes):
    return node("Conv", f"{source} {weight}", output, **attributes)


W3, W4, W5, W2 = ones("w3", 2, 2, 3), ones("w4", 2, 2, 4), ones("w5", 2, 2, 5), ones("w2", 2, 2, 2)
UPPER, LOWER = "SAME_UPPER", "SAME_LOWER"
ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
NETS = {
    "conv": [conv("x", "y", "w3", pads=[1, 1])],
    "strides": [conv("x", "a", "w5", strides=[2]), conv("a", "y", "w3", strides=[2], pads=[2, 0])],
    "dilation": [conv("x", "a", "w3", dilations=[2]), conv("a", "y", "w3", dilations=[3], pads=[3, 3])],
    "same_upper": [conv("x", "a", "w4", auto_pad=UPPER, strides=[2]), conv("a", "y", "w2", auto_pad=UPPER)],
    "same_lower": [conv("x", "a", "w4", auto_pad=LOWER, strides=[2]), conv("a", "y", "w2", auto_pad=LOWER)],
    "pooling": [
        node("MaxPool", "x", "a", kernel_shape=[3], strides=[2], ceil_mode=1),
        node("AveragePool", "a", "y", kernel_shape=[2]),
    ],
    "residual": [conv("x", "a", "w3", pads=[1, 1]), conv("a", "b", "w5", pads=[2, 2]), node("Add", "x b", "y")],
    "concat": [
        conv("x", "a", "w3", pads=[1, 1]),
        conv("x", "b", "w5", pads=[2, 2]),
        node("Concat", "a b", "y", axis=1),
    ],
    "transposed": [conv("x", "a", "w3", strides=[2]), node("ConvTranspose", "a w4", "y", strides=[2], pads=[1, 1])],
    "transposed_same": [node("ConvTranspose", "x w4", "y", strides=[2], auto_pad="SAME_UPPER")],
    "transposed_odd": [node("ConvTranspose", "x w4", "y", strides=[2], output_shape=[2 * WIDTH - 1])],
    "reflected": [node("Pad", "x pads3", "a", mode="reflect"), node("Conv", "a w7", "y")],
    "pad_and_slice": [
        node("Pad", "x pads", "a"),
        conv("a", "b", "w3", strides=[2]),
        node("Slice", "b one end last", "y"),
    ],
    "nearest": [
        conv("x", "a", "w3", strides=[2]),
        node("Resize", "a none double", "b", mode="nearest", **ASYMMETRIC),
        conv("b", "y", "w3"),
    ],
    "nearest_default": [node("Resize", "x none half", "a"), conv("a", "y", "w3")],
    "linear": [conv("x", "a", "w3", strides=[3]), node("Resize", "a none double", "y", mode="linear")],
    "linear_corners": [
        conv("x", "a", "w3"),
        node("Resize", "a none double", "y", mode="linear", coordinate_transformation_mode="align_corners"),
    ],
    "transpose_and_back": [
        node("Transpose", "x", "a", perm=[2, 0, 1]),
        node("Transpose", "a", "b", perm=[1, 2, 0]),
        conv("b", "y", "w3"),
    ],
    "reshaped": [
        node("Unsqueeze", "x last", "a"),
        node("Squeeze", "a last", "b"),
        node("Relu", "b", "c"),
        conv("c", "y", "w3"),
    ],
    "shape_arithmetic": [
        node("Shape", "x", "s"),
        node("Gather", "s last", "l"),
        node("Div", "l two", "middle"),
        node("Slice", "x zero middle last", "a"),
        conv("a", "y", "w3"),
    ],
    "centre_cropped": [node("CenterCropPad", "x fewer", "a", axes=[2]), conv("a", "y", "w3")],
    "centre_padded": [
        conv("x", "a", "w3", strides=[2]),
        node("CenterCropPad", "a fewer", "b", axes=[2]),
        conv("b", "y", "w5"),
    ],
    "einsum": [
        conv("x", "a", "w3", strides=[2]),
        node("Einsum", "a mix", "b", equation="...ct,cd->...td"),
        node("Transpose", "b", "c", perm=[0, 2, 1]),
        conv("c", "y", "w3"),
    ],
    "fused_convolution": [
        conv("x", "a", "w3", pads=[1, 1]),
        fused("FusedConv", "a w4 no a", "y", pads=[1, 2], activation="Relu"),
    ],
    "fused_product": [
        conv("x", "a", "w3", strides=[2]),
        fused("FusedMatMul", "a mix", "b", transA=1),
        node("Transpose", "b", "y", perm=[0, 2, 1]),
    ],
    "quantised": [
        node("QuantizeLinear", "x tenth", "q"),
        fused("QLinearAdd", "q tenth zero8 q tenth zero8 fifth zero8", "r"),
        fused("QLinearAveragePool", "r fifth zero8 fifth zero8", "p", kernel_shape=[3], strides=[2]),
        fused("DequantizeLinear", "p fifth zero8", "y"),
    ],
    "backwards": [
        conv("x", "a", "w3"),
        node("Slice", "a end before last back", "b"),
        node("Slice", "b end before last back", "y"),
    ],
    "every_other_backwards": [
        node("Slice", "x end before last leaps", "a"),
        node("Slice", "a end before last back", "b"),
        conv("b", "y", "w3"),
    ],
    "gathered_blocks": [
        node("Transpose", "x", "a", perm=[2, 0, 1]),
        node("GatherND", "a rows", "b"),
        node("Transpose", "b", "c", perm=[1, 2, 0]),
        conv("c", "y", "w3"),
    ],
    "gathered_elements": [node("GatherElements", "x shifted", "a", axis=2), conv("a", "y", "w3")],
    "reversed": [
        node("Transpose", "x", "a", perm=[0, 2, 1]),
        node("ReverseSequence", "a full", "b", time_axis=1, batch_axis=0),
        node("ReverseSequence", "b full", "c", time_axis=1, batch_axis=0),
        node("Transpose", "c", "d", perm=[0, 2, 1]),
        conv("d", "y", "w3"),
    ],
    "compressed": [node("Compress", "x every_other", "a", axis=2), conv("a", "y", "w3")],
    "windowed_transform": [
        node("ReduceSum", "x one", "a", keepdims=0),
        helper.make_node("STFT", ["a", "four", "", "six"], ["b"]),
        node("ReduceL1", "b", "y", axes=[2, 3], keepdims=0),
    ],
    "split": [helper.make_node("Split", ["x", "parts"], ["a", "b"], axis=2), conv("b", "y", "w3")],
}  # fmt: skip
NETS_WITH_BOUNDS = {
    "tiled": [conv("x", "a", "w3"), node("Tile", "a twice", "y")],
    "reflected": [node("Pad", "x pads3", "a", mode="reflect"), conv("a", "y", "w2")],
    "replicated": [conv("x", "a", "w3"), node("Pad", "a pads3", "y", mode="edge")],
    "replicated_strides": [node("Pad", "x pads3", "a", mode="edge"), conv("a", "y", "w3", strides=[2])],
    "unpooled": [
        helper.make_node("MaxPool", ["x"], ["a", "i"], kernel_shape=[3], strides=[3]),
        node("MaxUnpool", "a i", "y", kernel_shape=[3], strides=[3]),
    ],
    "unpooled_by_scattering": [
        helper.make_node("MaxPool", ["x"], ["a", "i"], kernel_shape=[4], strides=[4]),
        node("Add", "i zero", "j"),
        node("Reshape", "j column", "k"),
        node("Reshape", "a flat", "b"),
        node("ScatterND", "empty k b", "c"),
        node("Reshape", "c square", "y"),
    ],
    "written_over": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Relu", "x", "b"),
        node("Transpose", "a", "c", perm=[0, 2, 1]),
        node("Transpose", "b", "d", perm=[0, 2, 1]),
        node("ScatterElements", "c channels d", "e", axis=2),
        node("Transpose", "e", "y", perm=[0, 2, 1]),
    ],
    "written_to_a_slice": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Transpose", "a", "b", perm=[2, 0, 1]),
        node("Slice", "b zero five zero", "c"),
        node("ScatterND", "b rows c", "d"),
        node("Transpose", "d", "y", perm=[1, 2, 0]),
    ],
    "gathered_unevenly": [conv("x", "a", "w3"), node("Gather", "a uneven", "y", axis=2)],
    "gathered_in_pairs": [
        node("Gather", "x neighbours", "a", axis=2),
        node("ReduceSum", "a last_one", "b", keepdims=0),
        conv("b", "y", "w3"),
    ],
    "gathered_in_windows": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Gather", "a neighbours", "b", axis=2),
        node("Transpose", "b", "y", perm=[0, 1, 3, 2]),
    ],
    "cropped_and_resized": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Resize", "a region none eight", "y", mode="linear", coordinate_transformation_mode="tf_crop_and_resize"),
    ],
    "resized_alike": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Resize", "a none none sixteen", "y", mode="linear", axes=[2], keep_aspect_ratio_policy="not_larger"),
    ],
    "resized_symmetrically": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Resize", "a none ratio", "y", mode="linear", coordinate_transformation_mode="half_pixel_symmetric"),
    ],
    "folded": [
        conv("x", "a", "w3", pads=[1, 1]),
        node("Concat", "a a", "b", axis=1),
        node("Col2Im", "b image block", "y"),
    ],
}  # fmt: skip
OPSETS = {"centre_cropped": 18, "centre_padded": 18, "folded": 18, "resized_alike": 19, "resized_symmetrically": 19}
OUT_OF_STEP = ("transposed", "nearest", "linear")
"""Their positions start out of step with each other, so that no interval of the largest one's size holds them all."""
CONSTANTS = [
    W2, W3, W4, W5, array("pads", [0, 0, 2, 0, 0, 1]), array("one", [1]), array("end", [1000]), array("last", [2]),

    array("pads3", [0, 0, 3, 0, 0, 3]), ones("w7", 2, 2, 7), array("twice", [1, 1, 2]),
    array("zero", [0]), array("two", [2]), array("parts", [7, WIDTH - 7]), ones("none", 0),
    array("fewer", [13]), ones("mix", 2, 2), ones("no", 2), array("tenth", numpy.float32(8)),
    array("before", [-1000]), array("back", [-1]), array("leaps", [-2]),
    array("neighbours", numpy.arange(20).reshape(10, 2) + 3), array("last_one", [3]),
    array("rows", numpy.arange(4, 9)[:, None]), array("full", [WIDTH]), array("every_other", [False, True] * 12),
    array("shifted", numpy.tile(numpy.arange(2, 14), (1, 2, 1))), array("four", 4), array("six", 6),
    array("five", [5]), array("column", [12, 1]), array("flat", [12]), ones("empty", 48),
    array("square", [1, 2, WIDTH]), array("channels", numpy.ones((1, WIDTH, 2), numpy.int64)),
    array("uneven", [3, 1, 7, 8]), array("region", numpy.float32([0, 0, 0.25, 1, 1, 0.75])), array("eight", [1, 2, 8]),
    array("sixteen", [16]), array("ratio", numpy.float32([1, 1, 0.3])), array("image", [1, WIDTH + 1]),
    array("block", [1, 2]),
    array("fifth", numpy.float32(16)), array("zero8", numpy.uint8(0)),
    array("double", numpy.float32([1, 1, 2])), array("half", numpy.float32([1, 1, 0.5])),
]  # fmt: skip


def reads(path):
    """For each output position along the last axis the input positions that change it, by trying each."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    base = numpy.random.default_rng(0).random((1, 2, WIDTH)).astype(numpy.float32)
    plain = session.run(None, {"x": base})[0]
    others = tuple(range(plain.ndim - 1))
    found = [set() for _ in range(plain.shape[-1])]
    for position in range(WIDTH):
        changed = base.copy()
        changed[..., position] += 1000  # above all others, so that a maximum shows it too
        moved = (session.run(None, {"x": changed})[0] != plain).any(axis=others)
        for unit in numpy.flatnonzero(moved):
            found[unit].add(position)
    return found


@pytest.mark.parametrize("name", NETS)
def test_the_receptive_field_is_what_really_changes_the_output(tmp_path, name):
    model = model_of(NETS[name], [value("x", [1, 2, WIDTH])], ["y"], CONSTANTS, opset=OPSETS.get(name, 17))
    live = opened(tmp_path, model)
    table = live.trace([], quiet)
    field = table.rows[0].receptive_field
    found = reads(str(tmp_path / "net.onnx"))
    assert field.status == ("upper_bound" if name in OUT_OF_STEP else "exact")
    assert table.outputs[0].shape[-1] == len(found)
    size, stride, start = field.size[0], field.stride[0], field.start[0]
    for unit, seen in enumerate(found):
        first = ceil(start + unit * stride - 1e-9)
        assert min(seen) >= first
        assert max(seen) <= first + size - 1
    inner = [seen for seen in found if min(seen) > 0 and max(seen) < WIDTH - 1]
    largest = max(max(seen) - min(seen) + 1 for seen in inner)
    assert largest < size if name in OUT_OF_STEP else largest == size


@pytest.mark.parametrize("name", NETS_WITH_BOUNDS)
def test_what_is_told_of_each_position_holds_all_that_changes_it(tmp_path, name):
    model = model_of(NETS_WITH_BOUNDS[name], [value("x", [1, 2, WIDTH])], ["y"], CONSTANTS, opset=OPSETS.get(name, 17))
    table = opened(tmp_path, model).trace([], quiet)
    field = table.rows[0].receptive_field
    assert field.status in ("exact", "upper_bound")
    (axis,) = field.axes
    found = reads(str(tmp_path / "net.onnx"))
    assert len(found) == axis.units
    widest = max(max(seen) - min(seen) + 1 for seen in found if seen)
    assert widest <= field.size[0]
    for unit, seen in enumerate(found):
        turn, place = divmod(unit, len(axis.first))
        first, last = axis.first[place] + turn * axis.shift, axis.last[place] + turn * axis.shift
        assert seen <= set(range(first, last + 1))
        assert last - first < 3 * widest


@pytest.mark.parametrize(
    ("nodes", "via"),
    [
        ([node("GlobalAveragePool", "x", "y", name="pool")], "pool"),
        ([node("ReduceMean", "x", "y", name="mean", axes=[2])], "mean"),
        ([node("Flatten", "x", "f"), node("MatMul", "f head", "y", name="head")], "head"),
        ([node("Softmax", "x", "y", name="soft", axis=-1)], "soft"),
        ([node("InstanceNormalization", "x g g", "y", name="norm")], "norm"),
        (
            [
                helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "middle"], name="quantise"),
                node("DequantizeLinear", "q scale middle", "y"),
            ],
            "quantise",
        ),
        ([fused("SkipLayerNormalization", "x x wide", "y", name="skip")], "skip"),
        ([fused("MultiHeadAttention", "x x x", "y", name="attend", num_heads=2)], "attend"),
    ],
)
def test_what_mixes_the_whole_axis_says_so_and_where(tmp_path, nodes, via):
    constants = [ones("head", 2 * WIDTH, 3), ones("g", 2), ones("wide", WIDTH), W3]
    nodes = [conv("x", "c", "w3", pads=[1, 1]), *nodes]
    nodes[1].input[0] = "c"
    field = opened(tmp_path, model_of(nodes, [value("x", [1, 2, WIDTH])], ["y"], constants)).trace([], quiet).rows[0]
    assert field.receptive_field.status == "whole_input"
    assert field.receptive_field.via == via
    assert field.receptive_field.size == [WIDTH]


def test_an_operator_without_a_rule_makes_the_rest_unknown(tmp_path):
    nodes = [conv("x", "a", "w3"), node("NonZero", "a", "b"), node("Cast", "b", "y", to=1)]
    rows = opened(tmp_path, model_of(nodes, [value("x", [1, 2, WIDTH])], ["y"], [W3])).trace([], quiet).rows
    assert rows[1].receptive_field.status == "exact"
    assert [(row.receptive_field.status, row.receptive_field.via) for row in rows[2:4]] == [("unknown", "NonZero")] * 2


def test_the_operators_with_a_field_rule_exist_in_onnx():
    assert {name for name in READERS if "." not in name} <= {schema.name for schema in onnx.defs.get_all_schemas()}


PUBLISHED = {"bvlc_alexnet": (195, 32), "resnet50": (427, 32), "densenet121": (2071, 32), "vgg19": (268, 32)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_of_packaged_networks(name):
    """Of the last feature map; Araujo, Norris, Sim 2019 and their layer settings, vgg19 as vgg16 with 4 more layers."""
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    rows = open_onnx(Recipe(target=str(folder / f"light_{name}.onnx"))).trace([], quiet).rows
    exact = [row for row in rows[1:] if row.receptive_field and row.output_shapes[0][2:] not in ([], [1, 1])]
    largest = max(row.receptive_field.size[0] for row in exact if row.receptive_field.status == "exact")
    last = next(row for row in exact if row.receptive_field.size[0] == largest)
    assert (largest, last.receptive_field.stride[0]) == PUBLISHED[name]


def inner(nodes, inputs, outputs):
    kinds = {"again": onnx.TensorProto.BOOL}
    made = [value(name, None, kinds.get(name, onnx.TensorProto.FLOAT)) for name in outputs]
    return helper.make_graph(nodes, "body", inputs, made)


def test_fields_inside_bodies_are_those_of_the_same_nodes_outside_them(tmp_path):
    """Of the branch that is taken, and of the first iteration."""
    image = [value("x", [1, 2, WIDTH])]
    first = conv("x", "a", "w3", strides=[2])
    second = [conv("a", "b", "w5", pads=[2, 2]), node("Relu", "b", "c")]
    outside = opened(tmp_path, model_of([first, *second], image, ["c"], CONSTANTS)).trace([], quiet).rows[2:4]
    carried = [
        helper.make_node("Identity", ["go"], ["again"]),
        conv("s", "b", "w5", pads=[2, 2]),
        node("Relu", "b", "c"),
    ]
    scanned = [node("Unsqueeze", "row last", "s"), node("Squeeze", "s last", "t"), node("Relu", "t", "u")]
    bool_, int_ = onnx.TensorProto.BOOL, onnx.TensorProto.INT64
    loop = inner(carried, [value("n", [], int_), value("go", [], bool_), value("s", None)], ["again", "c"])
    scan = inner(scanned, [value("row", None)], ["u"])
    nodes = [
        first,
        helper.make_node(
            "If",
            ["yes"],
            ["i"],
            name="if",
            then_branch=inner(second, [], ["c"]),
            else_branch=inner([node("Neg", "a", "d")], [], ["d"]),
        ),
        helper.make_node("Loop", ["once", "", "a"], ["l"], name="loop", body=loop),
        node("Transpose", "a", "turned", perm=[2, 0, 1]),
        helper.make_node("Scan", ["turned"], ["z"], name="scan", body=scan, num_scan_inputs=1),
    ]
    held = [*CONSTANTS, array("yes", True), array("once", numpy.int64(2))]
    rows = {
        row.path: row for row in opened(tmp_path, model_of(nodes, image, ["i", "l", "z"], held)).trace([], quiet).rows
    }
    for place in ("if/then_branch", "loop"):
        inside = [row for path, row in rows.items() if path.startswith(f"{place}/") and row.type in ("Conv", "Relu")]
        assert [row.receptive_field for row in inside] == [row.receptive_field for row in outside]
    step = rows["scan/body/Relu_2"].receptive_field
    assert (step.size, step.start) == ([3], [0])  # the first of the rows that a convolution of stride 2 makes


def chosen(condition, other):
    """A convolution of width 3, then an If: one of width 5, or the other."""
    taken = inner([conv("a", "c", "w5", pads=[2, 2])], [], ["c"])
    return [
        conv("x", "a", "w3", pads=[1, 1]),
        *condition,
        helper.make_node("If", ["yes"], ["i"], name="if", then_branch=taken, else_branch=inner(other, [], ["d"])),
        node("Relu", "i", "y", name="after"),
    ]


BY_VALUE = [node("ReduceMax", "x", "most", keepdims=0), node("Greater", "most nought", "yes")]
BY_SIZE = [
    node("Shape", "x", "sizes"),
    helper.make_node("Gather", ["sizes", "third"], ["width"]),
    helper.make_node("Equal", ["width", "wanted"], ["yes"]),
]
ROWLESS = [
    node("NonZero", "a", "b"),
    node("Cast", "b", "n", to=1),
    node("ReduceSum", "n", "m"),
    node("Add", "a m", "d"),
]


@pytest.mark.parametrize(
    ("condition", "other", "size", "status"),
    [
        (BY_VALUE, [conv("a", "d", "w3", pads=[1, 1])], [7], "upper_bound"),
        (BY_VALUE, [conv("a", "d", "w5", pads=[2, 2])], [7], "exact"),
        (BY_VALUE, [node("Neg", "held", "d")], [7], "upper_bound"),
        (BY_VALUE, ROWLESS, [], "unknown"),
        (BY_SIZE, [conv("a", "d", "w3", pads=[1, 1])], [7], "exact"),
        (BY_SIZE, [node("Squeeze", "a", "d")], [7], "exact"),
    ],
)
def test_behind_an_if_stands_what_its_branches_see_together(tmp_path, condition, other, size, status):
    """By the sizes alone, only the branch that is taken."""
    numbers = [array("nought", numpy.float32(0)), array("third", numpy.int64(2)), array("wanted", numpy.int64(WIDTH))]
    held = [*CONSTANTS, *numbers, ones("held", 1, 2, WIDTH)]
    model = model_of(chosen(condition, other), [value("x", [1, 2, WIDTH])], ["y"], held)
    (field,) = [row.receptive_field for row in opened(tmp_path, model).trace([], quiet).rows if row.path == "after"]
    assert (field.size, field.status) == (size, status)


def test_linear_attention_sees_all_steps_through_key_value_and_gates(tmp_path):
    """Before it, a convolution of width 3 on the query, and one step by itself on the rest."""
    shape = [1, WIDTH, 4]

    def linear(inputs, output, **settings):
        names = inputs.split(" ")
        return helper.make_node(
            "LinearAttention",
            names,
            [output, f"{output}_state"],
            name=output,
            q_num_heads=2,
            kv_num_heads=2,
            **settings,
        )

    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        conv("t", "q_t", "w4", pads=[1, 1]),
        node("Transpose", "q_t", "q", perm=[0, 2, 1]),
        linear("q k v", "own", update_rule="linear"),
        linear("q x x", "all", update_rule="linear"),
        linear("q k v  x", "gated", update_rule="gated"),
    ]
    held = [ones("w4", 4, 4, 3), ones("k", *shape), ones("v", *shape)]
    model = model_of(nodes, [value("x", shape)], ["own", "all", "gated"], held, opset=27)
    rows = {row.path: row.receptive_field for row in opened(tmp_path, model).trace([], quiet).rows}
    assert (rows["own"].status, rows["own"].size) == ("exact", [3])
    assert [(rows[path].status, rows[path].size) for path in ("all", "gated")] == [("whole_input", [WIDTH])] * 2


def test_a_recurrent_layer_whose_state_is_an_input_still_tells_what_it_sees(tmp_path):
    """As speech models take them, one piece of sound after the other."""
    held = [ones("w", 1, 12, 2), ones("r", 1, 12, 3)]
    stateful = helper.make_node("LSTM", ["steps", "w", "r", "", "", "h", "c"], ["y"], name="lstm", hidden_size=3)
    alone = helper.make_node("LSTM", ["steps", "w", "r"], ["y"], name="lstm", hidden_size=3)
    inputs = [value("x", [1, 2, WIDTH]), value("h", [1, 1, 3]), value("c", [1, 1, 3])]
    turned = node("Transpose", "x", "steps", perm=[2, 0, 1])
    told, expected = (
        opened(tmp_path, model_of([turned, layer], inputs[:count], ["y"], held)).trace([], quiet).rows[-1]
        for layer, count in ((stateful, 3), (alone, 1))
    )
    assert told.receptive_field == expected.receptive_field
    assert told.receptive_field.status != "unknown"


def test_fields_behind_an_if_in_a_branch_are_known_too(tmp_path):
    """Inference alone knows no shape there, as the branches differ in rank; a run does."""
    turned = inner([node("Squeeze", "a", "s")], [], ["s"])
    kept = inner([node("Identity", "a", "k")], [], ["k"])
    inside = [
        helper.make_node("If", ["never"], ["p"], name="rank", then_branch=turned, else_branch=kept),
        conv("p", "c", "w5", pads=[2, 2]),
    ]
    nodes = [
        conv("x", "a", "w3", pads=[1, 1]),
        *BY_VALUE,
        helper.make_node("Not", ["always_not"], ["never"]),
        helper.make_node("If", ["yes"], ["y"], name="if", then_branch=inner(inside, [], ["c"]), else_branch=kept),
    ]
    held = [*CONSTANTS, array("nought", numpy.float32(-1e9)), array("always_not", True)]
    rows = opened(tmp_path, model_of(nodes, [value("x", [1, 2, WIDTH])], ["y"], held)).trace([], quiet).rows
    found = {row.path: row.receptive_field for row in rows}
    assert (found["if"].size, found["if"].status) == ([7], "upper_bound")
    assert (found["if/then_branch/rank"].size, found["if/then_branch/rank"].status) == ([3], "exact")


def test_what_the_optimiser_makes_of_convolutions_sees_what_they_saw(tmp_path):
    """onnxruntime writes its own blocked operators; the processor decides into how large blocks."""
    nodes = [
        conv("x", "a", "w", pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        conv("c", "d", "v", pads=[0, 1, 2, 1]),
        node("GlobalAveragePool", "d", "y"),
    ]
    model = model_of(nodes, [value("x", [1, 3, 16, 16])], ["d", "y"], [ones("w", 32, 3, 3, 3), ones("v", 32, 32, 3, 3)])
    path = str(tmp_path / "blocked.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = path
    onnxruntime.InferenceSession(saved(tmp_path, model), options, providers=["CPUExecutionProvider"])
    told = [
        {
            name: row.receptive_field
            for row in open_onnx(Recipe(target=one)).trace([], quiet).rows
            for name in row.values
        }
        for one in (path, str(tmp_path / "net.onnx"))
    ]
    for name in ("d", "y"):
        blocked, plain = told[0][name], told[1][name]
        assert (blocked.size, blocked.stride, blocked.status) == (plain.size, plain.stride, plain.status)
