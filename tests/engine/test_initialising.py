"""Draws against torch.nn.init under the same seed."""

import math

import pytest
import torch
from torch import nn
from torch.nn import init

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.fans import Layout
from inspector.core.initialisers import INITIALISERS, parse_initialiser
from inspector.engine.initialising import draw, fits, tensor_seed
from inspector.engine.pytorch.editing import apply_initialise
from inspector.engine.pytorch.structure import static_rows
from inspector.engine.pytorch.tensors import tensors_of

CALLS = {
    "uniform_(a=-2, b=3)": {"a": -2, "b": 3},
    "normal_(mean=1, std=0.1)": {"mean": 1, "std": 0.1},
    "trunc_normal_(std=0.5, a=-1, b=0.25)": {"std": 0.5, "a": -1, "b": 0.25},
    "constant_(val=0.3)": {"val": 0.3},
    "ones_": {},
    "zeros_": {},
    "eye_": {},
    "dirac_(groups=2)": {"groups": 2},
    "xavier_uniform_(gain=2)": {"gain": 2},
    "xavier_normal_": {},
    "kaiming_uniform_(a=0.2, mode=fan_out)": {"a": 0.2, "mode": "fan_out"},
    "kaiming_normal_(nonlinearity=tanh)": {"nonlinearity": "tanh"},
    "orthogonal_(gain=0.5)": {"gain": 0.5},
    "sparse_(sparsity=0.3)": {"sparsity": 0.3},
}


def test_every_function_of_torch_is_drawn_here():
    drawn = {parse_initialiser(text).name for text in CALLS}
    assert drawn == set(INITIALISERS) - {"layer_default", "lsuv", "uniform_dead_zone"}


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("text", CALLS)
def test_the_bits_are_those_of_torch_after_manual_seed(text, double):
    call = parse_initialiser(text)
    shape = (4, 3, 3, 3) if call.name == "dirac_" else (12, 17)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = torch.empty(shape, dtype=torch.float64 if double else torch.float32)
        getattr(init, call.name)(expected, **CALLS[text])
    assert torch.equal(draw(call, shape, 5, double=double), expected)


@pytest.mark.parametrize("text", [*CALLS, "uniform_dead_zone"])
def test_the_global_random_state_is_untouched_and_the_draw_repeats(text):
    call = parse_initialiser(text)
    shape = (4, 3, 3) if call.name == "dirac_" else (12, 17)
    before = torch.get_rng_state()
    first = draw(call, shape, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(draw(call, shape, 1), first)


def test_the_dead_zone_is_the_rule_of_the_book():
    # d2l.ai, "Parameter Initialization": U(-10, 10) with |w| < 5 set to zero.
    drawn = draw(parse_initialiser("uniform_dead_zone"), (8, 40), 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = init.uniform_(torch.empty(8, 40), -10, 10)
        expected *= expected.abs() >= 5
    assert torch.equal(drawn, expected)
    assert torch.equal(drawn.signbit(), expected.signbit())


def test_an_input_first_weight_is_drawn_as_its_transpose():
    call = parse_initialiser("kaiming_uniform_(mode=fan_out)")
    drawn = draw(call, (30, 7), 2, layout=Layout(kind="input_first"))
    assert torch.equal(drawn, draw(call, (7, 30), 2).t())
    assert drawn.is_contiguous()


@pytest.mark.parametrize(
    ("text", "shape", "says"),
    [
        ("xavier_normal_", (3,), "fewer than two axes"),
        ("eye_", (2, 2, 2), "exactly two axes"),
        ("dirac_(groups=3)", (4, 2, 3), "divided into 3 groups"),
        ("normal_", (0, 3), "no elements"),
        ("layer_default", (3, 3), "the layer's own"),
        ("constant_(val=1e300)", (2,), "without overflow"),
        ("uniform_(a=-1e300, b=1e300)", (2,), "uniform_"),
    ],
)
def test_what_cannot_be_drawn_is_refused(text, shape, says):
    with pytest.raises(RequestError, match=says):
        draw(parse_initialiser(text), shape, 0)


def test_the_first_tensor_has_the_edits_own_seed_and_small_seeds_do_not_meet():
    assert tensor_seed(7, 0) == 7
    assert len({tensor_seed(seed, position) for seed in range(50) for position in range(50)}) == 2500


def test_fits():
    assert fits(torch.tensor([65504.0]), torch.float16)
    assert not fits(torch.tensor([70000.0]), torch.float16)
    assert fits(torch.tensor([70000.0]), torch.bfloat16)


LAYERS = {
    "Linear": lambda: nn.Linear(40, 30),
    "Conv1d": lambda: nn.Conv1d(8, 12, 3),
    "Conv2d": lambda: nn.Conv2d(8, 12, 3),
    "Conv3d": lambda: nn.Conv3d(4, 6, 2),
    "ConvTranspose": lambda: nn.ConvTranspose2d(8, 20, 4, stride=2),
    "grouped": lambda: nn.Conv2d(8, 12, 3, groups=4),
    "depthwise": lambda: nn.Conv2d(8, 8, 3, groups=8),
    "LSTM": lambda: nn.LSTM(7, 5),
    "GRU": lambda: nn.GRU(7, 5),
    "attention": lambda: nn.MultiheadAttention(12, 3),
    "Embedding": lambda: nn.Embedding(20, 6),
    "Bilinear": lambda: nn.Bilinear(5, 6, 7),
}
SCALING = ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_"]


def weight_of(layer):
    name, value = next((name, value) for name, value in layer.named_parameters() if value.dim() > 1)
    return name, value


def after(layer, argument, seed=5):
    edit = Edit(action="initialise", where=weight_of(layer)[0], argument=argument, seed=seed)
    apply_initialise(layer, edit, tensors_of(layer), static_rows(layer))
    return weight_of(layer)[1].detach()


def by_torch(shape, name, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return getattr(init, name)(torch.empty(shape), **arguments)


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.parametrize("layer", LAYERS)
def test_exactly_as_torch_gives_the_bits_of_torch_in_every_layer(layer, name):
    made = LAYERS[layer]()
    assert torch.equal(after(made, f"{name}(fan=torch)"), by_torch(weight_of(made)[1].shape, name))


AS_THEY_ARE = {
    "float16": lambda: nn.Linear(40, 30).half(),
    "bfloat16": lambda: nn.Linear(40, 30).bfloat16(),
    "float64": lambda: nn.Linear(40, 30).double(),
    "channels_last": lambda: nn.Conv2d(8, 12, 3).to(memory_format=torch.channels_last),
    "channels_last bfloat16": lambda: nn.Conv2d(8, 12, 3).bfloat16().to(memory_format=torch.channels_last),
    "transposed": lambda: turned(nn.Linear(40, 30)),
}
PLAIN = ["normal_(std=0.3)", "uniform_(a=-2, b=3)", "trunc_normal_(std=0.5, a=-1, b=0.25)"]
OF_TORCH = [*PLAIN, *(f"{name}(fan=torch)" for name in SCALING if name != "orthogonal_")]


def turned(layer):
    layer.weight = nn.Parameter(torch.empty(layer.weight.shape[::-1]).t())
    return layer


@pytest.mark.parametrize("text", OF_TORCH)
@pytest.mark.parametrize("layer", AS_THEY_ARE)
def test_the_bits_of_torch_are_those_for_the_dtype_and_the_strides_of_the_tensor(layer, text):
    made, theirs = AS_THEY_ARE[layer](), AS_THEY_ARE[layer]().weight
    drawn = after(made, text)
    call = parse_initialiser(text)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        getattr(init, call.name)(theirs, **{name: v for name, v in call.arguments.items() if name != "fan"})
    assert torch.equal(drawn, theirs)
    assert (drawn.dtype, drawn.stride()) == (theirs.dtype, theirs.stride())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA device has a generator of its own")
@pytest.mark.parametrize("text", OF_TORCH)
def test_on_a_cuda_device_the_bits_are_those_of_its_generator(text):
    made, theirs = nn.Linear(40, 30).cuda(), torch.empty(30, 40, device="cuda")
    before = torch.cuda.get_rng_state()
    drawn = after(made, text)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    call = parse_initialiser(text)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        getattr(init, call.name)(theirs, **{name: v for name, v in call.arguments.items() if name != "fan"})
    assert torch.equal(drawn, theirs)


@pytest.mark.parametrize("layer", ["float16", "bfloat16", "channels_last"])
def test_where_torch_refuses_the_tensor_the_values_are_drawn_in_float32(layer):
    made = AS_THEY_ARE[layer]()
    with pytest.raises(RuntimeError):
        init.orthogonal_(AS_THEY_ARE[layer]().weight)
    expected = by_torch(weight_of(made)[1].shape, "orthogonal_").to(made.weight.dtype)
    assert torch.equal(after(made, "orthogonal_(fan=torch)"), expected)


@pytest.mark.parametrize("layer", ["float16", "bfloat16"])
def test_with_effective_fans_low_precision_is_rounded_from_float32(layer):
    made = AS_THEY_ARE[layer]()
    expected = by_torch((30, 40), "xavier_uniform_").to(made.weight.dtype)
    assert torch.equal(after(made, "xavier_uniform_"), expected)


def test_values_too_large_for_the_dtype_are_refused_in_words():
    with pytest.raises(RequestError, match="float16 cannot hold values this large"):
        after(nn.Linear(4, 4).half(), "uniform_(a=-1e6, b=1e6)")


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.parametrize("layer", ["Linear", "Conv1d", "Conv2d", "Conv3d", "Embedding", "Bilinear"])
def test_effective_fans_change_no_bit_where_torch_counts_right(layer, name):
    made = LAYERS[layer]()
    assert torch.equal(after(made, name), by_torch(weight_of(made)[1].shape, name))


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        ("ConvTranspose", 8 * 16 / 4, 20 * 16),
        ("grouped", 2 * 9, 3 * 9),
        ("depthwise", 9, 9),
        ("LSTM", 7, 5),
        ("GRU", 7, 5),
        ("attention", 12, 12),
    ],
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_effective_fans_scale_by_what_the_layer_sums(layer, mode, fan_in, fan_out):
    made = LAYERS[layer]()
    std = 1 / math.sqrt(fan_in if mode == "fan_in" else fan_out)
    expected = by_torch(weight_of(made)[1].shape, "normal_", std=std)
    drawn = after(made, f"kaiming_normal_(mode={mode}, nonlinearity=linear)")
    torch.testing.assert_close(drawn, expected, rtol=1e-5, atol=0)
    xavier = by_torch(weight_of(made)[1].shape, "normal_", std=math.sqrt(2 / (fan_in + fan_out)))
    torch.testing.assert_close(after(made, "xavier_normal_"), xavier, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("layer", "count"), [("LSTM", 4), ("GRU", 3), ("attention", 3), ("grouped", 4)])
def test_each_gate_projection_and_group_is_orthogonal_by_itself(layer, count):
    drawn = after(LAYERS[layer](), "orthogonal_")
    for block in drawn.flatten(1).chunk(count):
        short = block if block.shape[0] <= block.shape[1] else block.t()
        torch.testing.assert_close(short @ short.t(), torch.eye(short.shape[0]), atol=1e-5, rtol=0)


def test_a_gain_of_ours_is_the_factor_on_a_linear_draw():
    drawn = after(nn.Linear(40, 30), "kaiming_normal_(nonlinearity=gelu)")
    torch.testing.assert_close(drawn, by_torch((30, 40), "normal_", std=1.46801 / math.sqrt(40)), rtol=1e-5, atol=0)
