"""Healthy models: no rule calls one wrong, at their start and after a short training."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from inspector.checks.running import check_model
from inspector.core.findings import CheckReport, CheckSettings
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.opening import open_live
from inspector.engine.pytorch.opening import open_module

ZOO = Path(__file__).parents[1] / "zoo_healthy"
sys.path.insert(0, str(ZOO))
from healthy import HEALTHY  # noqa: E402  # of the folder that was just named

QUICK = {"classifiers:TanhNet", "generators:DuelingQ"}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def checked(name: str, weights: Path | None = None) -> CheckReport:
    target, specs = HEALTHY[name]
    recipe = Recipe(
        target=target, inputs=[parse_input(spec) for spec in specs], weights=None if weights is None else str(weights)
    )
    return check_model(open_live(recipe), CheckSettings(), lambda *_: None)


def assert_healthy(report: CheckReport) -> None:
    assert [one for one in report.findings if one.severity == "error"] == []
    assert len([one for one in report.findings if one.severity == "warning"]) <= 1


def test_there_are_enough_of_them() -> None:
    assert len(HEALTHY) >= 25


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in sorted(HEALTHY)]
)
def test_a_healthy_model_has_no_error_and_at_most_one_warning(name: str) -> None:
    assert_healthy(checked(name))


Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def _classes(model: nn.Module, data: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(data), labels)


def _next_token(model: nn.Module, data: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(data)[:, :-1].flatten(0, 1), data[:, 1:].flatten())


def _image(model: nn.Module, data: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.mse_loss(model(data)[0], data)


def _blobs(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples around one mean for each of ten classes."""
    labels = torch.randint(10, (32,))
    return torch.randn(10, *shape)[labels] + 0.5 * torch.randn(32, *shape), labels


def _counting() -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences that count on from a random start."""
    return (torch.randint(120, (16, 1)) + torch.arange(16)) % 120, torch.zeros(16)


TRAINED: dict[str, tuple[Callable[[], tuple[torch.Tensor, torch.Tensor]], Loss]] = {
    "classifiers:MLP": (lambda: _blobs(1, 28, 28), _classes),
    "classifiers:LeNet": (lambda: _blobs(1, 28, 28), _classes),
    "classifiers:ResNet": (lambda: _blobs(3, 16, 16), _classes),
    "transformers:ViT": (lambda: _blobs(3, 32, 32), _classes),
    "transformers:GPT": (_counting, _next_token),
    "generators:VAE": (lambda: _blobs(1, 28, 28), _image),
}


@pytest.fixture(scope="module", params=sorted(TRAINED))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A model and the file of its weights after twelve steps that made its loss smaller."""
    name = request.param
    torch.manual_seed(0)
    model = open_module(Recipe(target=HEALTHY[name][0])).model
    make, loss_of = TRAINED[name]
    data, labels = make()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = loss_of(model, data, labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]
    path = tmp_path_factory.mktemp("trained") / "weights.pt"
    torch.save(model.state_dict(), path)
    return name, path


@pytest.mark.slow
def test_a_trained_model_has_no_error_and_at_most_one_warning(trained: tuple[str, Path]) -> None:
    assert_healthy(checked(*trained))
