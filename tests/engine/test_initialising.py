"""Draws against torch.nn.init under the same seed."""

import pytest
import torch
from torch.nn import init

from inspector.core.errors import RequestError
from inspector.core.initialisers import INITIALISERS, parse_initialiser
from inspector.engine.initialising import draw, fits, tensor_seed

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
    assert drawn == set(INITIALISERS) - {"layer_default", "uniform_dead_zone"}


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
    drawn = draw(call, (30, 7), 2, input_first=True)
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
