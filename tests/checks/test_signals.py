"""What is said of activations and gradients, held against torch and against what is done to the same network."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from inspector.checks.evidence import Evidence
from inspector.checks.initialisation import initial_loss
from inspector.checks.signals import dead_units, scale_drift, signal_collapse
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.activations import Activation, Activations
from inspector.engine.opening import open_live
from inspector.engine.pytorch.experiments.activations import IDEAL_GAINS, activations
from inspector.engine.pytorch.experiments.gradients import gradients
from inspector.engine.pytorch.experiments.subject import Subject


def subject(model: nn.Module, *specs: str) -> Subject:
    return Subject(model, lambda: [parse_input(spec) for spec in specs], 0, lambda *_: None)


class Given(Evidence):
    """Evidence with these activations."""

    def __init__(self, known: Activations, trained: str = "") -> None:
        super().__init__(lambda *_: None)
        self._known = known
        self.__dict__["trained"] = trained

    @property
    def activations(self) -> Activations:
        return self._known


def chain(depth: int, act: type[nn.Module] = nn.ReLU, width: int = 32) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), act())]
    return nn.Sequential(*layers, nn.Linear(width, 4))


def of_role(found: Activations, role: str) -> list[Activation]:
    return [one for one in found.operations if one.role == role]


def test_deviations_and_spread_are_those_of_the_same_batch() -> None:
    model = chain(2)
    found = activations(subject(model, "2x32"))
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(found.samples, 32, generator=generator)
    with torch.no_grad():
        hidden = model[0](batch)
        output = model(batch)
    first, last = found.weighted[0], found.outputs[0]
    assert first.std == pytest.approx(float(hidden.double().std(correction=0)), rel=1e-6)
    assert first.incoming_std == pytest.approx(float(batch.double().std(correction=0)), rel=1e-6)
    spread = output.double().std(0, correction=0).mean() / output.double().std(correction=0)
    assert last.spread == pytest.approx(float(spread), rel=1e-6)


def test_dead_units_are_those_that_are_zero_for_every_sample() -> None:
    model = chain(1)
    nn.init.constant_(model[0].bias[:20], -50.0)
    (rectifier,) = of_role(activations(subject(model, "2x32")), "rectifier")
    assert (rectifier.dead, rectifier.units) == (20, 32)


@pytest.mark.parametrize("write", ["F.relu", "clamp", "product", "in place"])
def test_a_rectifier_is_known_by_what_it_does(write: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 2)

        def forward(self, x):
            h = self.a(x) - 100 * (torch.arange(16) < 12)
            if write == "F.relu":
                h = nn.functional.relu(h)
            elif write == "clamp":
                h = h.clamp(min=0)
            elif write == "product":
                h = h * (h > 0)
            else:
                h.relu_()
            return self.b(h)

    rectifiers = of_role(activations(subject(Net(), "2x8")), "rectifier")
    assert [(one.dead, one.units) for one in rectifiers] == [(12, 16)]


def test_gains_are_root_mean_square_times_root_of_the_fan_in() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    first, second = activations(subject(model, "2x3x8x8")).weighted
    for known, layer, fan_in in ((first, model[0], 27), (second, model[3], 288)):
        assert known.gain == pytest.approx(float(layer.weight.square().mean().sqrt()) * math.sqrt(fan_in), rel=1e-5)
    assert (second.before, second.through) == (0, "relu")


@pytest.mark.parametrize("name", sorted(set(IDEAL_GAINS) - {"clamp", "clamp_min", "threshold", "softplus"}))
def test_an_ideal_gain_keeps_the_second_moment(name: str) -> None:
    z = torch.randn(1_000_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moment = float(getattr(nn.functional, name)(z).square().mean())
    assert IDEAL_GAINS[name] == pytest.approx(moment**-0.5, rel=0.02)


def test_a_last_layer_of_zeros_is_only_mentioned() -> None:
    model = chain(2)
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    found = activations(subject(model, "2x32"))
    assert [one.severity for one in signal_collapse(Given(found))] == ["info"]


def test_a_trained_model_that_sees_one_class_in_noise_is_no_error() -> None:
    weak = Activations([Activation("fc", "output", None, "output", 1.0, 1e-4, 1.0, "float32")], 64, "a batch")
    assert [one.severity for one in signal_collapse(Given(weak))] == ["error"]
    assert [one.severity for one in signal_collapse(Given(weak, "weights were loaded"))] == ["warning"]


def test_normalisations_that_nobody_measured_use_the_batch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    nn.init.normal_(model[0].weight, std=1e5)
    assert list(scale_drift(Given(activations(subject(model, "2x8"))))) == []
    assert int(model[1].num_batches_tracked) == 0


def test_samples_are_drawn_one_by_one_where_the_batch_is_fixed() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(6, 3)

        def forward(self, x):
            return self.lin(x).view(2, 3)

    found = activations(subject(Fixed(), "2x6"))
    assert found.samples >= 8
    assert found.drawn.endswith("one after another")
    assert found.outputs[0].spread is not None


def test_gradients_are_in_the_order_of_use_and_those_of_torch() -> None:
    class Swapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(5, 2)
            self.first = nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))

        def forward(self, x):
            return self.last(self.first(x).tanh())

    found = gradients(subject(Swapped(), "2x4"))
    assert [one.key for one in found.weights] == [
        "first.parametrizations.weight.original0", "first.parametrizations.weight.original1", "last.weight",
    ]  # fmt: skip
    assert all(one.norm > 0 for one in found.weights)


def test_the_first_loss_is_cross_entropy_with_random_labels() -> None:
    model = chain(1)
    nn.init.normal_(model[-1].weight, std=10)
    found = activations(subject(model, "2x32"))
    (loss,) = found.losses
    assert loss.classes == 4
    (finding,) = initial_loss(Given(found))
    assert finding.severity == "warning"
    # Ten per weight and about 16 of 32 units open: the largest of four logits is far above the one that was drawn.
    assert loss.loss > 5 * math.log(4)


def test_an_onnx_graph_tells_the_same_as_the_module(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.Sigmoid(), nn.Linear(32, 3)).eval()
    with torch.no_grad():
        model[0].bias[:30] = -50
    path = tmp_path / "net.onnx"
    torch.onnx.export(model, (torch.randn(2, 16),), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    live = open_live(Recipe(target=str(path)))
    found = live.subject([], lambda *_: None).activations()
    here = activations(subject(model, "2x16"))
    assert [one.role for one in found.operations] == [one.role for one in here.operations]
    for graph, module in zip(found.operations, here.operations, strict=True):
        assert graph.std == pytest.approx(module.std, rel=0.3)
        assert (graph.dead, graph.units) == (module.dead, module.units)
    (finding,) = dead_units(Evidence(lambda *_: None, model=live))
    assert finding.rule == "NN305"
