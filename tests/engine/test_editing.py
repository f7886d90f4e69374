"""Edits of real layers: torch under the same seed is the oracle, and undo restores every bit."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import init
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.engine.initialising import tensor_seed
from inspector.engine.pytorch.editing import apply_initialise, apply_set_element, preview
from inspector.engine.pytorch.structure import static_rows
from inspector.engine.pytorch.tensors import tensors_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def initialise(model, where, argument, seed=0):
    edit = Edit(action="initialise", where=where, argument=argument, seed=seed)
    return apply_initialise(model, edit, tensors_of(model), static_rows(model))


def look(model, where, argument, seed=0):
    edit = Edit(action="initialise", where=where, argument=argument, seed=seed)
    return preview(model, edit, tensors_of(model), static_rows(model))


def set_element(model, key, index, value):
    edit = Edit(action="set_element", where=key, index=index, argument=value)
    return apply_set_element(model, edit, tensors_of(model))


def bits(model):
    return {
        name: (value.detach().contiguous().reshape(-1).view(torch.uint8).tolist(), value.stride(), value.data_ptr())
        for name, value in [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
        if value.numel()
    }


def expected(shape, seed, function, **arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return function(torch.empty(shape), **arguments)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.head = nn.Linear(4, 11)
        self.head.weight = self.embed.weight


def conv(**settings):
    return nn.Sequential(nn.Conv2d(2, 4, 3, **settings), nn.BatchNorm2d(4), nn.Linear(3, 2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(5, 3),
        lambda: nn.Conv2d(2, 4, 3, groups=2),
        lambda: nn.ConvTranspose2d(2, 4, 3),
        lambda: nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last),
        lambda: nn.Linear(5, 3).bfloat16(),
        lambda: nn.Linear(5, 3).half(),
        lambda: nn.LSTM(3, 4),
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.Bilinear(2, 3, 4),
    ],
)
def test_tensors_get_the_values_torch_draws_and_undo_gives_every_bit_back(make):
    model = make()
    before, strides = bits(model), {name: value.stride() for name, value in model.named_parameters()}
    keys, _, undo = initialise(model, "*", "normal_(std=0.5)", seed=3)
    assert keys == [name for name, _ in model.named_parameters()]
    for position, (_, value) in enumerate(model.named_parameters()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(tensor_seed(3, position))
            drawn = init.normal_(torch.empty_like(value), std=0.5)
        assert torch.equal(value.detach(), drawn)
    assert {name: value.stride() for name, value in model.named_parameters()} == strides
    undo()
    assert bits(model) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(5, 3),
        lambda: nn.Conv2d(2, 4, 3, groups=2),
        lambda: nn.ConvTranspose1d(2, 4, 3),
        lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        lambda: nn.GRUCell(3, 4),
        lambda: nn.Embedding(7, 3, padding_idx=2),
        lambda: nn.BatchNorm2d(3),
        lambda: nn.LayerNorm(4),
        lambda: nn.PReLU(3),
        lambda: nn.Bilinear(2, 3, 4),
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=6, bias=False),
    ],
)
def test_layer_default_is_what_the_constructor_draws(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        fresh = make()
    model = make()
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            value.fill_(77)
    before = bits(model)
    _, _, undo = initialise(model, "module:", "layer_default", seed=9)
    for name, value in fresh.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    undo()
    assert bits(model) == before


def test_layer_default_of_one_tensor_leaves_its_neighbours_alone():
    model = nn.Sequential(nn.Linear(4, 3))
    bias = model[0].bias.detach().clone()
    initialise(model, "0.weight", "layer_default", seed=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert torch.equal(model[0].weight, nn.Linear(4, 3).weight)
    assert torch.equal(model[0].bias, bias)


def test_layer_default_of_a_reset_that_leaves_a_tensor_out():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))

        def reset_parameters(self):
            init.zeros_(self.a)

    found = look(Half(), "*", "layer_default")
    assert [target.key for target in found.targets] == ["a"]
    assert found.skipped[0][0] == "b"
    assert "leaves it as it is" in found.skipped[0][1]


def test_a_parameter_of_a_module_without_reset_has_no_default():
    model = nn.Module()
    model.scale = nn.Parameter(torch.ones(2))
    with pytest.raises(RequestError, match="no default known"):
        initialise(model, "scale", "layer_default")


def test_a_tied_tensor_is_drawn_once_and_stays_tied():
    model = Tied()
    keys, _, undo = initialise(model, "*weight", "normal_", seed=4)
    assert keys == ["embed.weight", "head.weight"]
    assert model.head.weight is model.embed.weight
    assert torch.equal(model.embed.weight.detach(), expected((11, 4), 4, init.normal_))
    undo()
    assert model.head.weight is model.embed.weight
    assert look(model, "head.weight", "normal_").targets[0].tied_to == ["embed.weight"]


def test_the_padding_row_stays_zero():
    model = nn.Embedding(5, 3, padding_idx=1)
    initialise(model, "weight", "ones_")
    assert model.weight.tolist() == [[1.0] * 3, [0.0] * 3, *([[1.0] * 3] * 3)]


def test_buffers_are_left_alone_by_a_pattern_and_reset_by_the_layers_default():
    model = conv()
    model[1].running_mean.fill_(3)
    initialise(model, "*", "normal_")
    assert model[1].running_mean.tolist() == [3.0] * 4
    keys, _, _ = initialise(model, "type:BatchNorm2d", "layer_default")
    assert "1.running_mean" in keys
    assert model[1].running_mean.tolist() == [0.0] * 4


def test_what_does_not_suit_is_skipped_with_a_reason_and_the_rest_is_done():
    model = conv()
    keys, message, _ = initialise(model, "*", "xavier_uniform_")
    assert keys == ["0.weight", "2.weight"]
    assert "fewer than two axes: xavier_uniform needs fans" in message


@pytest.mark.parametrize(
    ("make", "where", "argument", "says"),
    [
        (lambda: nn.Linear(3, 2), "bias", "kaiming_normal_", "fewer than two axes"),
        (lambda: nn.BatchNorm1d(2), "num_batches_tracked", "normal_", "int64"),
        (lambda: nn.BatchNorm1d(2), "num_batches_tracked", "constant_(0.5)", "int64 cannot hold 0.5"),
        (lambda: nn.LazyLinear(2), "weight", "normal_", "run a pass first"),
        (lambda: nn.Linear(3, 2, device="meta"), "weight", "normal_", "--materialise"),
        (lambda: nn.Linear(3, 2).half(), "weight", "constant_(1e6)", "float16 cannot hold"),
        (lambda: nn.Linear(0, 2), "weight", "normal_", "no elements"),
        (lambda: nn.Linear(3, 2), "wieght", "normal_", "did you mean weight"),
        (lambda: nn.Linear(3, 2), "weight", "nomral_", "did you mean normal_"),
        (
            lambda: parametrizations.weight_norm(nn.Linear(3, 2)),
            *("weight", "normal_"),
            r"computed by a parametrization, from the tensors parametrizations\.weight\.\*",
        ),
        (
            lambda: nn.Sequential(parametrizations.orthogonal(nn.Linear(3, 2))),
            *("0.weight", "normal_"),
            r"from the tensors 0\.parametrizations\.weight\.\*",
        ),
    ],
)
def test_nothing_to_do_is_an_error_with_the_reasons(make, where, argument, says):
    with pytest.raises(RequestError, match=says):
        initialise(make(), where, argument)
    with pytest.raises(RequestError, match=says):
        look(make(), where, argument)


def test_an_integer_buffer_takes_a_constant():
    model = nn.BatchNorm1d(2)
    initialise(model, "num_batches_tracked", "constant_(12)")
    assert model.num_batches_tracked.item() == 12


@pytest.mark.parametrize(
    "normalise",
    [
        lambda layer: parametrizations.weight_norm(layer),
        lambda layer: parametrizations.weight_norm(layer, dim=None),
        lambda layer: weight_norm(layer),
        lambda layer: weight_norm(layer, dim=1),
    ],
)
def test_weight_norm_computes_the_drawn_weight(normalise):
    model = nn.Sequential(normalise(nn.Linear(5, 3)))
    before, former = bits(model), model(torch.ones(1, 5)).detach()
    keys, _, undo = initialise(model, "0.*weight*", "normal_(std=2)", seed=6)
    assert len(keys) == 2
    model(torch.ones(1, 5))
    assert torch.allclose(model[0].weight, expected((3, 5), 6, init.normal_, std=2), rtol=1e-5)
    undo()
    assert bits(model) == before
    assert torch.equal(model(torch.ones(1, 5)).detach(), former)


def test_orthogonal_takes_an_orthogonal_matrix_and_is_told_of_another():
    model = parametrizations.orthogonal(nn.Linear(4, 4, bias=False))
    key = "parametrizations.weight.original"
    initialise(model, key, "orthogonal_", seed=2)
    assert torch.allclose(model.weight, expected((4, 4), 2, init.orthogonal_), atol=1e-5)
    target = look(model, key, "normal_").targets[0]
    assert "turns the values drawn into others" in target.explanation
    assert abs(target.after.max) <= 1


@pytest.mark.parametrize("normalise", [parametrizations.spectral_norm, spectral_norm])
def test_spectral_norm_follows_the_new_weight_in_eval_mode(normalise):
    model = normalise(nn.Linear(6, 4, bias=False)).eval()
    before = bits(model)
    _, _, undo = initialise(model, "*orig*", "normal_(std=3)", seed=1)
    model(torch.ones(1, 6))
    assert float(torch.linalg.matrix_norm(model.weight.detach(), 2)) == pytest.approx(1, rel=0.02)
    assert not model.training
    undo()
    assert bits(model) == before


def test_preview_of_a_spectral_norm_in_train_mode_changes_nothing():
    model = parametrizations.spectral_norm(nn.Linear(6, 4)).train()
    before = bits(model)
    state = torch.get_rng_state()
    look(model, "*original*", "normal_")
    assert bits(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_a_parametrization_without_right_inverse_is_left_alone():
    class Symmetric(nn.Module):
        def forward(self, x):
            return x + x.t()

    model = nn.Linear(3, 3)
    parametrize.register_parametrization(model, "weight", Symmetric())
    with pytest.raises(RequestError, match="Symmetric, which has no right_inverse"):
        initialise(model, "parametrizations.weight.original", "normal_")


def test_a_pruned_weight_keeps_its_mask():
    model = prune.random_unstructured(nn.Linear(6, 4), "weight", amount=0.5)
    mask = model.weight_mask.clone()
    initialise(model, "weight_orig", "ones_")
    assert torch.equal(model.weight, mask)


@pytest.mark.parametrize(
    "wrap", [parametrizations.weight_norm, weight_norm, lambda layer: prune.identity(layer, "weight")]
)
def test_layer_default_reaches_a_computed_weight(wrap):
    model = wrap(nn.Linear(5, 3))
    model(torch.ones(1, 5))
    initialise(model, "module:", "layer_default", seed=0)
    model(torch.ones(1, 5))
    assert float(model.weight.detach().abs().max()) <= 1 / math.sqrt(5) + 1e-6
    assert len(set(model.weight.detach().reshape(-1).tolist())) == 15


def test_preview_says_before_and_after_and_changes_nothing():
    model = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, stride=2, groups=2))
    before = bits(model)
    target = look(model, "0.weight", "kaiming_uniform_(nonlinearity=relu, fan=torch)", seed=3).targets[0]
    assert bits(model) == before
    assert target.before.mean == pytest.approx(float(model[0].weight.detach().mean()), abs=1e-6)
    drawn = expected((8, 2, 4, 4), 3, init.kaiming_uniform_, nonlinearity="relu")
    assert target.after.max == float(drawn.max())
    assert (target.fan_in, target.fan_out) == init._calculate_fan_in_and_fan_out(model[0].weight)
    assert (target.effective_fan_in, target.effective_fan_out) == (8 / 2 * 16 / 4, 4 / 2 * 16)
    assert target.gain == pytest.approx(math.sqrt(2))


def test_frozen_parameters_are_left_alone_unless_asked_for():
    model = nn.Sequential(nn.Linear(3, 2).requires_grad_(False), nn.Linear(2, 2))
    before = model[0].weight.detach().clone()
    keys, message, _ = initialise(model, "*.weight", "ones_")
    assert keys == ["1.weight"]
    assert "0.weight: frozen" in message
    assert torch.equal(model[0].weight, before)
    edit = Edit(action="initialise", where="*.weight", argument="ones_", frozen=True)
    keys, _, undo = apply_initialise(model, edit, tensors_of(model), static_rows(model))
    assert keys == ["0.weight", "1.weight"]
    assert [value.requires_grad for value in model.parameters()] == [False, False, True, True]
    undo()
    assert torch.equal(model[0].weight, before)


def test_a_frozen_parameter_named_by_its_key_changes_and_says_so():
    model = nn.Linear(3, 2).requires_grad_(False)
    assert "frozen" in look(model, "weight", "ones_").targets[0].explanation
    initialise(model, "weight", "ones_")
    assert not model.weight.requires_grad


@pytest.mark.parametrize("argument", ["normal_", "layer_default", "sparse_(0.5)", "orthogonal_"])
def test_random_state_modes_and_gradients_are_as_before(argument):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).train()
    model(torch.ones(2, 3)).sum().backward()
    gradients = copy.deepcopy([value.grad for value in model.parameters()])
    state = torch.get_rng_state()
    initialise(model, "*weight", argument)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value.grad, old) for value, old in zip(model.parameters(), gradients, strict=True))
    assert all(value.requires_grad and value.is_leaf for value in model.parameters())


def with_buffer(value):
    model = nn.Module()
    model.register_buffer("t", value)
    return model


@pytest.mark.parametrize(
    ("value", "index", "text", "stored"),
    [
        (torch.zeros(2, 3), [1, 2], "0.5", 0.5),
        (torch.zeros(2, 3), [-1, 0], "nan", math.nan),
        (torch.tensor(1.0), [], "-3e-5", -3e-5),
        (torch.zeros(2, dtype=torch.float64), [0], "1e300", 1e300),
        (torch.zeros(2, dtype=torch.bfloat16), [0], "0.1", float(torch.tensor(0.1).bfloat16())),
        (torch.zeros(2, dtype=torch.float8_e4m3fn), [0], "448", 448.0),
        (torch.zeros(2, dtype=torch.int64), [1], "-7", -7),
        (torch.zeros(2, dtype=torch.uint8), [1], "255", 255),
        (torch.zeros(2, dtype=torch.bool), [1], "True", True),
        (torch.zeros(2, dtype=torch.complex64), [1], "1+2j", 1 + 2j),
    ],
)
def test_an_element_is_set_and_undone(value, index, text, stored):
    model = with_buffer(value)
    before = bits(model)
    keys, message, undo = set_element(model, "t", index, text)
    now = model.t[tuple(index)].item()
    assert keys == ["t"]
    assert now == pytest.approx(stored, rel=1e-7, nan_ok=True) if isinstance(stored, float) else now == stored
    assert message.startswith("t")
    undo()
    assert bits(model) == before


@pytest.mark.parametrize(
    ("value", "index", "text", "says"),
    [
        (torch.zeros(2, 3), [0], "1", "give 2 indices"),
        (torch.zeros(2, 3), [0, 3], "1", "outside 0 to 2"),
        (torch.zeros(2), [0], "one", "not a number"),
        (torch.zeros(2).half(), [0], "1e6", "cannot hold"),
        (torch.zeros(2, dtype=torch.int8), [0], "128", "-128 to 127"),
        (torch.zeros(2, dtype=torch.int8), [0], "1.5", "int8"),
        (torch.zeros(2, dtype=torch.bool), [0], "2", "true or false"),
        (torch.zeros(2, dtype=torch.complex64), [0], "i", "complex64"),
        (torch.zeros(2, device="meta"), [0], "1", "meta"),
        (torch.zeros(1).expand(3), [0], "1", "expanded"),
    ],
)
def test_an_element_that_does_not_fit_is_refused(value, index, text, says):
    with pytest.raises(RequestError, match=says):
        set_element(with_buffer(value), "t", index, text)


def test_an_element_of_a_tied_tensor_shows_under_both_keys():
    assert set_element(Tied(), "head.weight", [0, 0], "2")[0] == ["embed.weight", "head.weight"]


def test_a_scalar_parameter():
    model = nn.Module()
    model.scale = nn.Parameter(torch.tensor(1.0))
    _, _, undo = initialise(model, "scale", "uniform_(a=3, b=4)", seed=2)
    assert torch.equal(model.scale.detach(), expected((), 2, init.uniform_, a=3, b=4))
    undo()
    assert model.scale.item() == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("argument", ["normal_", "layer_default", "zeros_"])
def test_the_whole_zoo_is_looked_at_changed_and_given_back(zoo, argument):
    changed = 0
    for specimen in zoo.values():
        model = specimen.build()
        if any(isinstance(value, nn.parameter.UninitializedTensorMixin) for value in model.parameters()):
            continue
        before, state = bits(model), torch.get_rng_state()
        try:
            look(model, "module:", argument)
            assert bits(model) == before, specimen.name
            _, _, undo = initialise(model, "module:", argument, seed=1)
        except RequestError:
            continue
        changed += bits(model) != before
        undo()
        assert bits(model) == before, specimen.name
        assert torch.equal(torch.get_rng_state(), state), specimen.name
    assert changed > len(zoo) / 2
