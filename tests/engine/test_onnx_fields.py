from math import ceil
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx_graphs import array, model_of, opened, quiet, value

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
    "uneven_bins": [
        node("Gather", "x bins", "a", axis=2),
        node("Where", "in_bin a zero_f", "b"),
        node("ReduceSum", "b last_one", "c", keepdims=0),
        conv("c", "y", "w2"),
    ],
    "picked_one_by_one_and_added": [
        node("Transpose", "x", "t", perm=[2, 0, 1]),
        node("GatherND", "t bin_rows", "a"),
        node("Transpose", "a", "b", perm=[2, 3, 0, 1]),
        node("Where", "in_bin b zero_f", "c"),
        *(node("Gather", f"c place{place}", f"p{place}", axis=3) for place in range(4)),
        node("Add", "p0 p1", "p01"),
        node("Add", "p2 p3", "p23"),
        node("Add", "p01 p23", "d"),
        conv("d", "y", "w2"),
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
BINS = numpy.minimum(numpy.arange(9)[:, None] * WIDTH // 9 + numpy.arange(4), WIDTH - 1)
"""Of an adaptive pooling to 9: those of 3 positions are filled up with one of the next."""
IN_BIN = numpy.arange(9)[:, None] * WIDTH // 9 + numpy.arange(4) < -(-(numpy.arange(9)[:, None] + 1) * WIDTH // 9)
CONSTANTS = [
    array("bins", BINS), array("bin_rows", BINS[..., None]), array("in_bin", IN_BIN),
    array("zero_f", numpy.float32(0)), *(array(f"place{place}", place) for place in range(4)),
    W2, W3, W4, W5, array("pads", [0, 0, 2, 0, 0, 1]), array("one", [1]), array("end", [1000]), array("last", [2]),
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
