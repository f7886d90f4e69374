"""What is said of weights, held against layers that torch made, trained, broke and rounded."""

import torch
from torch import nn

from inspector.checks.weights import Measured, check_weights, default_distribution
from inspector.core.findings import Finding
from inspector.engine.arrays import array_of
from inspector.files.values.health import health_of

torch.manual_seed(0)
LAYERS = [
    nn.Linear(64, 10), nn.Linear(7, 300, bias=False), nn.Conv1d(4, 9, 5), nn.Conv2d(3, 16, 3), nn.Conv3d(2, 4, 3),
    nn.Conv2d(32, 32, 3, groups=32), nn.ConvTranspose2d(8, 8, 4), nn.Embedding(50, 16),
]  # fmt: skip


def measured(key: str, tensor: torch.Tensor) -> Measured:
    array = array_of(tensor)
    assert array is not None
    return Measured(key, list(tensor.shape), str(tensor.dtype).removeprefix("torch."), health_of(array))


def found(**tensors: torch.Tensor) -> list[Finding]:
    return check_weights(measured(key.replace("__", "."), tensor) for key, tensor in tensors.items())


def trained(*shape: int) -> torch.Tensor:
    return torch.randn(shape) * 0.3 + 0.05


def test_what_torch_made_is_told_from_what_one_step_changed() -> None:
    torch.manual_seed(0)
    for layer in LAYERS:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        assert default_distribution(measured("weight", weight)), layer
        optimizer = torch.optim.AdamW([weight], lr=3e-2)
        (weight * torch.randn_like(weight)).sum().backward()
        optimizer.step()
        if not isinstance(layer, nn.Embedding):  # whose normal distribution one step of 0.01 hardly changes
            assert not default_distribution(measured("weight", weight)), layer


def test_the_default_is_known_also_where_it_was_rounded() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert default_distribution(measured("w", nn.Linear(50, 60).weight.to(dtype))), dtype
    assert not default_distribution(measured("w", trained(60, 50)))


def test_only_what_differs_from_the_rest_is_reported_as_default() -> None:
    head = nn.Linear(64, 10).weight.detach()
    (finding,) = found(body__weight=trained(64, 64), head__weight=head)
    assert (finding.rule, finding.severity, finding.path) == ("NN404", "warning", "head.weight")
    (finding,) = found(head__weight=head, other__weight=nn.Linear(64, 64).weight.detach())
    assert (finding.severity, finding.path) == ("info", "")
    norm = nn.BatchNorm2d(6).state_dict()
    norm.pop("num_batches_tracked")
    untouched = {f"norm__{name}": value for name, value in norm.items()}
    assert not found(body__weight=trained(64, 64), **untouched)
    assert [one.path for one in found(body__weight=trained(64, 64), head__weight=head, **untouched)] == [
        "head.weight", "norm",
    ]  # fmt: skip


def test_values_that_are_not_finite() -> None:
    weight = trained(8, 8)
    weight[2, 3], weight[4, 4] = float("nan"), float("-inf")
    (finding,) = found(layer__weight=weight)
    assert (finding.rule, finding.severity) == ("NN402", "error")
    assert finding.evidence == "1 NaN and 1 Inf of 64 elements"
    mask = torch.full((5, 5), float("-inf")).triu(1)
    assert not found(attn_mask=mask)
    assert found(weight=mask)


def test_batch_norm_that_is_dead_or_impossible() -> None:
    assert not found(bn__running_var=torch.rand(8) + 0.1)
    (dead,) = found(bn__running_var=torch.cat([torch.rand(7) + 0.1, torch.zeros(1)]))
    assert (dead.rule, dead.severity) == ("NN402", "warning")
    (negative,) = found(bn__running_var=torch.cat([torch.rand(7) + 0.1, -torch.ones(1)]))
    assert negative.severity == "error"


def test_values_beyond_float16() -> None:
    (finding,) = found(w=torch.cat([trained(8, 8), torch.full((1, 8), 1e5)]))
    assert (finding.rule, finding.severity) == ("NN402", "info")
    (finding,) = found(w=torch.cat([trained(8, 8), torch.full((1, 8), 3e30)]))
    assert finding.severity == "warning"
    assert not found(w=torch.full((4,), 70_000))


def test_weights_that_cannot_break_the_symmetry() -> None:
    assert [one.severity for one in found(w=torch.full((4, 5), 0.1))] == ["error"]
    assert [one.severity for one in found(w=torch.zeros(4, 5))] == ["info"]
    (finding,) = found(w=trained(1, 6).expand(8, 6).contiguous())
    assert finding.evidence == "7 of 8 rows equal an earlier one"
    assert not found(w=trained(8, 6), bias=torch.zeros(8))
