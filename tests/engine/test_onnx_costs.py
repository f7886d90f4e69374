import numpy
import pytest
import torch
from onnx import helper
from onnx_graphs import array, model_of, normal, opened, quiet, value
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

X4, T3 = [2, 6, 9, 8], [2, 3, 4]
MATMUL = helper.make_node("MatMul", ["x", "w"], ["y"])
CASES = {
    "conv": (
        helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 1], pads=[1, 0, 1, 0], group=2),
        {"x": X4, "w": [4, 3, 3, 2]},
        lambda x, w: functional.conv2d(x, w, stride=(2, 1), padding=(1, 0), groups=2),
    ),
    "transposed conv": (
        helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], group=3),
        {"x": X4, "w": [6, 2, 3, 2]},
        lambda x, w: functional.conv_transpose2d(x, w, stride=2, groups=3),
    ),
    "gemm": (
        helper.make_node("Gemm", ["x", "w"], ["y"], transA=1, transB=1),
        {"x": [5, 3], "w": [7, 5]},
        lambda x, w: x.t() @ w.t(),
    ),
    "broadcast matmul": (MATMUL, {"x": [2, 1, 3, 4], "w": [5, 4, 6]}, torch.matmul),
    "vector matmul": (MATMUL, {"x": [4], "w": [4, 6]}, torch.matmul),
    "einsum": (
        helper.make_node("Einsum", ["x", "w"], ["y"], equation="bij, bkj -> bik"),
        {"x": T3, "w": [2, 5, 4]},
        lambda x, w: torch.einsum("bij,bkj->bik", x, w),
    ),
    "einsum without an arrow": (
        helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk"),
        {"x": [3, 4], "w": [4, 5]},
        lambda x, w: torch.einsum("ij,jk", x, w),
    ),
    "einsum with an ellipsis": (
        helper.make_node("Einsum", ["x", "w"], ["y"], equation="...ij,jk->...ik"),
        {"x": [2, 5, 3, 4], "w": [4, 6]},
        lambda x, w: torch.einsum("...ij,jk->...ik", x, w),
    ),
    "einsum of three": (
        helper.make_node("Einsum", ["w", "x", "x"], ["y"], equation="oij,bi,bj->bo"),
        {"x": [2, 6], "w": [3, 6, 6]},
        lambda x, w: torch.einsum("oij,bi,bj->bo", w, x, x),
    ),
    "einsum with a letter of one": (
        helper.make_node("Einsum", ["x", "w"], ["y"], equation="bij,jk->bk"),
        {"x": T3, "w": [4, 6]},
        lambda x, w: torch.einsum("bij,jk->bk", x, w),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operations_are_those_that_torch_counts(tmp_path, name):
    node, shapes, function = CASES[name]
    inputs = {key: torch.zeros(shape) for key, shape in shapes.items()}
    with FlopCounterMode(display=False) as counter:
        function(*inputs.values())
    declared = [value(key, shape) for key, shape in shapes.items()]
    table = opened(tmp_path, model_of([node], declared, ["y"])).trace([], quiet)
    assert table.rows[1].flops == counter.get_total_flops() > 0
    assert table.rows[1].macs == table.rows[1].flops // 2
    assert (table.totals.flops, table.totals.macs) == (table.rows[1].flops, table.rows[1].flops // 2)


@pytest.mark.parametrize("rank", [3, 4])
def test_attention_counts_both_products_with_the_past_included(tmp_path, rank):
    batch, heads, groups, steps, past, size, value_size = 2, 4, 2, 5, 3, 6, 7
    shapes = {"q": [batch, heads, steps, size], "k": [batch, groups, steps, size]}
    shapes["v"] = [batch, groups, steps, value_size]
    if rank == 3:
        shapes = {name: [shape[0], shape[2], shape[1] * shape[3]] for name, shape in shapes.items()}
    shapes |= {"pk": [batch, groups, past, size], "pv": [batch, groups, past, value_size]}
    node = helper.make_node(
        "Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "nk", "nv"], q_num_heads=heads, kv_num_heads=groups
    )
    declared = [value(key, shape) for key, shape in shapes.items()]
    table = opened(tmp_path, model_of([node], declared, ["y"], opset=23)).trace([], quiet)
    with FlopCounterMode(display=False) as counter:
        queries = torch.zeros(batch * heads, steps, size)
        scores = torch.bmm(queries, torch.zeros(batch * heads, size, steps + past))
        torch.bmm(scores, torch.zeros(batch * heads, steps + past, value_size))
    assert table.rows[1].flops == counter.get_total_flops()


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_count_each_step_of_each_direction(tmp_path, kind, gates):
    steps, batch, features, hidden = 5, 2, 3, 4
    weights = [normal("w", 2, gates * hidden, features), normal("r", 2, gates * hidden, hidden)]
    node = helper.make_node(kind, ["x", "w", "r"], ["y"], hidden_size=hidden, direction="bidirectional")
    graph = model_of([node], [value("x", [steps, batch, features])], ["y"], weights)
    with FlopCounterMode(display=False) as counter:
        for _ in range(2 * steps):
            torch.zeros(batch, features) @ torch.zeros(features, gates * hidden)
            torch.zeros(batch, hidden) @ torch.zeros(hidden, gates * hidden)
    assert opened(tmp_path, graph).trace([], quiet).rows[1].flops == counter.get_total_flops()


RULES = {"linear": 0, "gated": 0, "delta": 1, "gated_delta": 1}


@pytest.mark.parametrize("rule", RULES)
def test_linear_attention_counts_what_goes_into_its_states_and_comes_out_of_them(tmp_path, rule):
    batch, steps, heads, states, size, value_size = 2, 5, 4, 2, 3, 6
    shapes = {"q": heads * size, "k": states * size, "v": states * value_size, "decay": states, "beta": states}
    names = ["q", "k", "v", "", "decay" if "gated" in rule else "", "beta" if RULES[rule] else ""]
    node = helper.make_node(
        "LinearAttention", names, ["y", "state"], q_num_heads=heads, kv_num_heads=states, update_rule=rule
    )
    declared = [value(name, [batch, steps, shapes[name]]) for name in names if name]
    table = opened(tmp_path, model_of([node], declared, ["y"], opset=27)).trace([], quiet)
    with FlopCounterMode(display=False) as counter:
        for _ in range(steps):
            state = torch.zeros(batch * states, size, value_size)
            for _ in range(RULES[rule]):
                torch.bmm(torch.zeros(batch * states, 1, size), state)
            torch.bmm(torch.zeros(batch * states, size, 1), torch.zeros(batch * states, 1, value_size))
            torch.bmm(torch.zeros(batch * heads, 1, size), torch.zeros(batch * heads, size, value_size))
    assert table.rows[1].flops == counter.get_total_flops()


def fused(kind, inputs, outputs, **settings):
    return helper.make_node(kind, inputs.split(" "), outputs.split(), domain="com.microsoft", **settings)


def attended(batch, heads, steps, seen, size, value_size):
    torch.bmm(torch.zeros(batch * heads, steps, size), torch.zeros(batch * heads, size, seen))
    torch.bmm(torch.zeros(batch * heads, steps, seen), torch.zeros(batch * heads, seen, value_size))


OPTIMISED = {
    "attention with its projection": (
        fused("Attention", "x w b", "y", num_heads=2),
        {"x": [2, 5, 8], "w": [8, 24], "b": [24]},
        lambda: (torch.zeros(10, 8) @ torch.zeros(8, 24), attended(2, 2, 5, 5, 4, 4)),
    ),
    "attention to another sequence": (
        fused("MultiHeadAttention", "x k v", "y", num_heads=2),
        {"x": [2, 5, 8], "k": [2, 7, 8], "v": [2, 7, 8]},
        lambda: attended(2, 2, 5, 7, 4, 4),
    ),
    "groups of queries": (
        fused("GroupQueryAttention", "x k v   lengths total", "y pk pv", num_heads=4, kv_num_heads=2),
        {"x": [1, 5, 64], "k": [1, 5, 32], "v": [1, 5, 32]},
        lambda: attended(1, 4, 5, 5, 16, 16),
    ),
    "causal convolution": (
        helper.make_node("CausalConvWithState", ["x", "w"], ["y", "state"]),
        {"x": [2, 3, 9], "w": [3, 1, 4]},
        lambda: functional.conv1d(torch.zeros(2, 3, 12), torch.zeros(3, 1, 4), groups=3),
    ),
}


@pytest.mark.parametrize("name", OPTIMISED)
def test_fused_operators_count_the_products_in_them(tmp_path, name):
    node, shapes, products = OPTIMISED[name]
    held = [array("lengths", numpy.int32([4])), array("total", numpy.int32(5))] if "lengths" in node.input else []
    declared = [value(key, shape) for key, shape in shapes.items()]
    table = opened(tmp_path, model_of([node], declared, ["y"], held, opset=17 if node.domain else 27)).trace([], quiet)
    with FlopCounterMode(display=False) as counter:
        products()
    assert table.rows[1].flops == counter.get_total_flops()


def test_what_is_not_counted_is_unknown_and_scopes_add_up(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="/block/first/MatMul"),
        helper.make_node("Relu", ["a"], ["b"], name="/block/act/Relu"),
        helper.make_node("MatMul", ["b", "w"], ["y"], name="/block/second/MatMul"),
    ]
    graph = model_of(nodes, [value("x", [3, 4])], ["y"], [normal("w", 4, 4)])
    rows = {row.path: row for row in opened(tmp_path, graph).trace([], quiet).rows}
    assert rows["/block/act/Relu"].flops is None
    assert rows["/block"].flops == rows["/block/first"].flops + rows["/block/second"].flops == 2 * 2 * 3 * 4 * 4


def test_views_take_no_memory_of_their_own(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="/net/Relu"),
        helper.make_node("Flatten", ["a"], ["y"], name="/net/Flatten"),
    ]
    table = opened(tmp_path, model_of(nodes, [value("x", [2, 3, 4])], ["y"])).trace([], quiet)
    assert [row.activation_bytes for row in table.rows] == [96, 96, 96, 0]
    assert table.totals.activation_bytes == 2 * 3 * 4 * 4
