"""What is said of weights, held against layers that torch made, trained, broke and rounded."""

import torch
from torch import nn

from inspector.checks.catalogue import OF_VALUES
from inspector.checks.evidence import Evidence, Weights
from inspector.checks.measuring import Measured, measure
from inspector.checks.rules import LOOKS
from inspector.checks.still_default import default_distribution
from inspector.core.findings import Finding, by_severity
from inspector.engine.arrays import array_of

torch.manual_seed(0)
LAYERS = [
    nn.Linear(64, 10), nn.Linear(7, 300, bias=False), nn.Conv1d(4, 9, 5), nn.Conv2d(3, 16, 3), nn.Conv3d(2, 4, 3),
    nn.Conv2d(32, 32, 3, groups=32), nn.ConvTranspose2d(8, 8, 4), nn.Embedding(50, 16),
]  # fmt: skip


def measured(key: str, tensor: torch.Tensor) -> Measured:
    array = array_of(tensor)
    assert array is not None
    return measure(key, str(tensor.dtype).removeprefix("torch."), array)


class Tensors(Evidence):
    """Nothing but tensors that are measured already."""

    def __init__(self, **tensors: torch.Tensor) -> None:
        super().__init__(lambda done, total, what: None)
        weights = Weights()
        weights.measured = [measured(key.replace("__", "."), tensor) for key, tensor in tensors.items()]
        self.__dict__["weights"] = weights


def found(**tensors: torch.Tensor) -> list[Finding]:
    evidence = Tensors(**tensors)
    return by_severity([one for id in sorted(OF_VALUES) for one in LOOKS[id](evidence)])


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
    assert finding.severity == "warning"
    assert finding.evidence == (
        "7 of 8 rows equal an earlier one: row 1 = row 0, row 2 = row 0, row 3 = row 0 and 4 more"
    )
    assert not found(w=trained(8, 6), bias=torch.zeros(8))


def test_any_two_equal_rows_are_named() -> None:
    weight = trained(64, 9)
    weight[9] = weight[3]
    (finding,) = found(w=weight)
    assert (finding.rule, finding.severity) == ("NN403", "info")
    assert finding.evidence == "1 of 64 rows equal an earlier one: row 9 = row 3"
    weight[40:] = weight[:24]
    (finding,) = found(w=weight)
    assert finding.severity == "warning"
    padded = trained(64, 9)
    padded[0] = padded[5] = 0
    padded[7] = padded[8] = 1.5
    assert not found(w=padded)
    signs = torch.tensor([[-1.0, 1, 1], [1, -1, 1], [-1, 1, 1], [1, -1, 1]])
    assert [one.severity for one in found(w=signs)] == ["info"]
    assert not found(relative_position_index=weight, w=trained(64, 1))


def batch_norm(channels: int = 8) -> dict[str, torch.Tensor]:
    """A trained one, as a model's state_dict has it."""
    return {
        "bn__weight": torch.rand(channels) + 0.5, "bn__bias": torch.rand(channels) - 0.5,
        "bn__running_mean": torch.randn(channels), "bn__running_var": torch.rand(channels) + 0.1,
    }  # fmt: skip


def test_variances_at_zero_are_counted_and_are_an_error_where_all_are() -> None:
    assert not found(**batch_norm())
    for dead, severity in ((1, "warning"), (4, "warning"), (8, "error")):
        state = batch_norm()
        state["bn__running_var"][:dead] = 1e-20
        (finding,) = found(**state)
        assert (finding.rule, finding.severity) == ("NN402", severity)
        assert finding.evidence == f"{dead} of 8 channels below 1e-10, 0 exactly 0"


def test_channels_that_a_normalisation_multiplies_by_zero() -> None:
    for zero in (0.0, 1e-20):
        for dead in (1, 7, 8):
            state = batch_norm()
            state["bn__weight"][:dead] = zero
            state["bn__bias"][:] = -5
            (finding,) = found(**state)
            assert (finding.rule, finding.severity, finding.path) == ("NN403", "warning", "bn.weight")
            assert finding.evidence.startswith(f"{dead} of 8 channels with |weight| < 1e-08")
            assert f"in {dead} of them the bias is not above 0" in finding.evidence
            norm = torch.nn.BatchNorm1d(8).eval()
            norm.load_state_dict({key.removeprefix("bn__"): value for key, value in state.items()}, strict=False)
            assert not norm(torch.randn(50, 8)).relu()[:, :dead].any()


def test_what_was_just_made_is_no_dead_normalisation() -> None:
    def state(norm: nn.Module) -> dict[str, torch.Tensor]:
        return {f"bn__{key}": value for key, value in norm.state_dict().items()}

    assert not found(**state(nn.BatchNorm2d(6)))
    assert not found(**state(nn.LayerNorm(6)))
    assert not found(**state(nn.PReLU(6, init=0.0)))
    branch = nn.BatchNorm2d(6)
    nn.init.zeros_(branch.weight)
    (finding,) = found(**state(branch))
    assert finding.severity == "info"
    assert "residual branch" in finding.may_be_wrong
