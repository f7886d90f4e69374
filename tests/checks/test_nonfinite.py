"""Where NaN and Inf come from: twenty planted ones, forward and backward, and what is none."""

import inspect
import math
from pathlib import Path

import planted_origins
import pytest
import torch
from onnx import TensorProto, helper
from planted_origins import PLANTED, Planted
from torch import nn

from inspector.checks.evidence import Evidence
from inspector.checks.nonfinite import nonfinite_origin
from inspector.core.findings import Finding
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.nonfinite import state_of
from inspector.engine.opening import open_live
from inspector.engine.pytorch.experiments.nonfinite import origins
from inspector.engine.pytorch.experiments.subject import Subject

FILE = planted_origins.__file__


def marked(cls: type) -> list[int]:
    lines, first = inspect.getsourcelines(cls)
    return [first + number for number, line in enumerate(lines) if line.endswith("# ORIGIN\n")]


def looked(model: nn.Module, *specs: str) -> Evidence:
    """Evidence of a model that is alive, without opening it from a file."""

    class Live(Evidence):
        @property
        def origins(self):  # type: ignore[no-untyped-def]
            return origins(Subject(model, lambda: [parse_input(spec) for spec in specs], 0, lambda *_: None))

        @property
        def activations(self):  # type: ignore[no-untyped-def]
            from inspector.engine.activations import Activations

            return Activations([], 0, "")

    return Live(lambda *_: None)


def found(model: nn.Module, *specs: str) -> list[Finding]:
    return list(nonfinite_origin(looked(model, *specs)))


@pytest.mark.parametrize("cls", PLANTED)
def test_path_and_line_of_a_planted_origin_are_told(cls: type[Planted]) -> None:
    torch.manual_seed(0)
    first = found(cls(), "5x6")[0]
    assert first.source is not None
    assert (first.path, first.source.file, first.source.line) == (cls.where, FILE, *marked(cls))
    assert first.severity == "error"


def test_there_are_twenty_of_both_kinds() -> None:
    assert len(PLANTED) == 20
    assert 6 <= sum(cls.backward for cls in PLANTED) <= 14


@pytest.mark.parametrize("cls", [cls for cls in PLANTED if cls.backward])
def test_what_is_called_backward_is_finite_forward_and_not_backward(cls: type[Planted]) -> None:
    torch.manual_seed(0)
    model = cls()
    output = model(torch.randn(5, 6))
    assert output.isfinite().all()
    (output * torch.randn_like(output)).sum().backward()
    assert not all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


class Masked(nn.Module):
    """A causal mask of −inf, a search that starts at inf, and a cache that is empty at first: all as meant."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 6)
        self.register_buffer("mask", torch.full((5, 5), -math.inf).triu(1))

    def forward(self, x):
        h = self.lin(x)
        scores = h @ h.T + self.mask
        best = torch.full((5,), float("inf"))
        best = torch.minimum(best, h.sum(-1))
        cache = torch.empty(5, 6)
        cache[:] = h
        log = torch.log(torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]))
        return (scores + log).softmax(-1) @ cache + best[:, None]


def test_infinities_that_were_written_down_and_reach_nothing_are_no_origin() -> None:
    assert found(Masked(), "5x6") == []


class Spectrogram(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 2)

    def forward(self, power):
        return self.lin(torch.log(power + 1e-6))


def test_what_only_negative_inputs_break_is_a_warning() -> None:
    (finding,) = found(Spectrogram(), "5x6")
    assert finding.severity == "warning"
    assert found(Spectrogram(), "5x6~uniform") == []


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 2)

    def forward(self, x):
        x = self.lin(x) - self.lin.bias
        return x / x.norm(dim=-1, keepdim=True)


def test_what_only_zeros_break_is_a_warning_that_says_so() -> None:
    (finding,) = found(Normalised(), "5x6")
    assert finding.severity == "warning"
    assert "all-zero" in finding.evidence


def test_a_look_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.ReLU())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found(model, "5x6")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_states_are_those_that_torch_tells() -> None:
    for values in ([1.0, 2.0], [math.nan, 1.0], [math.inf, 0.0], [-math.inf, 0.0], [math.nan, math.inf, -math.inf]):
        tensor = torch.tensor(values)
        expected = (bool(tensor.isnan().any()), bool(tensor.isposinf().any()), bool(tensor.isneginf().any()))
        assert state_of(tensor) == expected
        assert state_of(tensor.half()) == expected


def test_the_first_node_of_an_onnx_graph_is_told(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sub", ["x", "x"], ["zero"], name="difference"),
        helper.make_node("Div", ["x", "zero"], ["ratio"], name="ratio"),
        helper.make_node("Tanh", ["ratio"], ["y"], name="squashed"),
        helper.make_node("Log", ["y"], ["z"], name="later"),
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("x", "z")]
    model = helper.make_model(helper.make_graph(nodes, "g", value[:1], value[1:]))
    path = tmp_path / "ratio.onnx"
    path.write_bytes(model.SerializeToString())
    evidence = Evidence(lambda *_: None, model=open_live(Recipe(target=str(path))))
    assert [(one.path, one.type) for one in evidence.origins.found][:1] == [("ratio", "Div")]
