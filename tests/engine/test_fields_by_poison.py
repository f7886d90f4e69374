"""What the rules tell of every call of whole networks, against poisoned columns (`nan_oracle`)."""

import pytest
import torch
from field_networks import COPIES, NETWORKS
from msgspec import structs
from nan_oracle import Verdict, observed
from torch import nn

from inspector.core.recipe import Recipe, parse_input
from inspector.core.table import ReceptiveField
from inspector.engine.pytorch import torchvision_operators
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FEW = ["dilated", "per_axis", "ceil_mode", "misaligned", "hourglass", "called_three_times", "circular", "decoder"]
"""A glance at those that any change of the rules would touch; the others run with the slow tests."""


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in sorted(NETWORKS)]
)
def test_every_call_of_an_awkward_network_sees_what_is_told(name: str) -> None:
    model, shape = NETWORKS[name]()
    calls = observed(model, shape)
    verdicts = [Verdict(call, copies=name in COPIES) for call in calls]
    assert any(verdict.compared for verdict in verdicts)
    assert [
        (place, verdict.call.name, verdict.problems) for place, verdict in enumerate(verdicts) if verdict.problems
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "thin"),
    [
        ("alexnet", (1, 3, 256, 64), True),
        ("resnet18", (1, 3, 40, 480), True),
        ("mobilenet_v3_small", (1, 3, 96, 40), True),
        ("shufflenet_v2_x0_5", (1, 3, 160, 40), False),
    ],
)
def test_every_call_of_a_torchvision_network_sees_what_is_told(name: str, shape: tuple[int, ...], thin: bool) -> None:
    torchvision_operators.install()
    models = pytest.importorskip("torchvision.models")
    model: nn.Module = models.get_model(name, weights=None)
    axis = 2 if shape[2] > shape[3] else 3
    verdicts = [Verdict(call) for call in observed(model, shape, batch=64, thin=thin, axes=[axis])]
    assert sum(verdict.compared for verdict in verdicts) > len(verdicts) * 0.9
    assert [(verdict.call.name, verdict.problems) for verdict in verdicts if verdict.problems] == []


@pytest.mark.slow
@pytest.mark.parametrize("real", [True, False], ids=["on values", "on meta"])
def test_the_table_tells_the_same(real: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compared above is what users get, whichever way the shape pass goes."""
    monkeypatch.setattr("inspector.engine.pytorch.passes.is_cheap", lambda *_: real)
    for name in sorted(NETWORKS)[::4]:
        make = NETWORKS[name]
        model, shape = make()
        live = TorchModel(Recipe(target="net.py"), Opened(model.eval(), "Net", lambda seed, made=model: made))
        rows = live.trace([parse_input("x".join(map(str, shape)))], lambda *_: None).rows
        told = [call for call in observed(make()[0], shape, axes=[]) if call.name.startswith("<")]
        for row in rows:
            if row.kind == "module" and row.reached:
                same = [call.told for call in told if call.name == f"<{row.path}>"][row.call]
                assert _without_paths(row.receptive_field) == _without_paths(same), (name, row.path)


def _without_paths(field: ReceptiveField | None) -> ReceptiveField | None:
    return structs.replace(field, via=None, misaligned=None) if field is not None else None


# The oracle itself, against what can be counted by hand.


def test_the_oracle_finds_the_window_of_a_convolution() -> None:
    (call, _) = observed(nn.Conv2d(1, 1, (3, 2), stride=(2, 1)), (1, 1, 7, 4))
    assert call.seen[2].tolist() == [
        [column in range(2 * unit, 2 * unit + 3) for unit in range(3)] for column in range(7)
    ]
    assert call.seen[3].shape == (4, 3)


def test_the_oracle_sees_through_what_hides_a_nan() -> None:
    class Hides(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x > 10).float() + torch.nan_to_num(x)

    calls = observed(Hides(), (1, 1, 4, 3))
    assert torch.equal(calls[-1].seen[2], torch.eye(4, dtype=torch.bool))


@pytest.mark.parametrize(("size", "stride", "start"), [(4, 1, -1), (2, 1, -1), (3, 2, -1), (3, 1, 0)])
def test_the_oracle_refuses_what_is_wrong(size: int, stride: int, start: int) -> None:
    (call, _) = observed(nn.Conv2d(1, 1, 3, padding=1), (1, 1, 12, 12))
    assert Verdict(call).problems == []
    assert call.told is not None
    call.told.size[0], call.told.stride[0], call.told.start[0] = size, stride, start
    assert Verdict(call).problems != []


# What is told beside `whole_input`: the window were it not for the gate or the norm.


@pytest.mark.slow
def test_the_local_size_is_what_is_seen_without_the_gates() -> None:
    torchvision_operators.install()
    models = pytest.importorskip("torchvision.models")
    squeezing = pytest.importorskip("torchvision.ops").SqueezeExcitation
    shape = (1, 3, 97, 33)
    gated, plain = models.mobilenet_v3_small(), models.mobilenet_v3_small()
    for path, module in list(plain.named_modules()):
        if isinstance(module, squeezing):
            plain.set_submodule(path, nn.Identity())
    with_gates = {call.name: call for call in observed(gated, shape, axes=[])}
    without = observed(plain, shape, batch=97, thin=True, axes=[2])
    compared = 0
    for call in without:
        assert Verdict(call).problems == []
        told = with_gates[call.name].told if call.name.startswith("<features") else None
        if told is not None and told.local_size is not None and call.told is not None:
            assert told.local_size == call.told.size, call.name
            compared += 1
    assert compared > 50


def test_the_local_size_is_what_is_seen_without_the_norms() -> None:
    def net(*norms: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 3, 2), norms[0], nn.Conv2d(4, 4, 3), norms[1], nn.Conv2d(4, 2, 2))

    shape = (1, 1, 25, 23)
    normed = observed(net(nn.GroupNorm(2, 4), nn.InstanceNorm2d(4)), shape)
    plain = observed(net(nn.Identity(), nn.Identity()), shape)
    assert normed[-1].told is not None
    assert plain[-1].told is not None
    assert (normed[-1].told.status, plain[-1].told.status) == ("whole_input", "exact")
    assert normed[-1].told.local_size == plain[-1].told.size == [9, 9]
    assert Verdict(plain[-1]).problems == Verdict(normed[-1]).problems == []
