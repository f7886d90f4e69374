"""The tests before training, on networks that pass and on those that were made to fail."""

import pytest
import torch
from torch import nn

from inspector.core.recipe import parse_input
from inspector.core.self_tests import Dependency, SelfTestReport, SelfTestSettings
from inspector.engine.pytorch.experiments.dependencies import dependencies
from inspector.engine.pytorch.experiments.self_tests import self_tests
from inspector.engine.pytorch.experiments.subject import Subject
from inspector.report.self_tests import sparkline


def subject(model: nn.Module, *specs: str) -> Subject:
    return Subject(model, lambda: [parse_input(spec) for spec in specs], 0, lambda *_: None)


def outcomes(model: nn.Module, *specs: str, steps: int = 60) -> dict[str, str]:
    report = self_tests(subject(model, *specs), SelfTestSettings(steps=steps, seconds=60))
    return {test.name: test.outcome for test in report.tests}


def test_a_plain_network_passes_and_stays_as_it_was() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 4))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert outcomes(model, "2x10") == {"overfit": "passed", "baseline": "passed", "dependency": "passed"}
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


class Deaf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 5)

    def forward(self, x):
        return self.lin(torch.zeros_like(x) * x)


def test_a_network_that_does_not_hear_its_input_fails() -> None:
    found = outcomes(Deaf(), "2x6")
    assert (found["overfit"], found["baseline"], found["dependency"]) == ("failed", "failed", "failed")


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 5)

    def forward(self, x):
        return self.lin(x - x.mean(0))


def test_samples_that_depend_on_each_other_fail() -> None:
    assert outcomes(Mixing(), "2x6", steps=2)["dependency"] == "failed"


class Causal(nn.Module):
    """Each step the sum of those before; of numbers or of words."""

    def __init__(self, words: bool) -> None:
        super().__init__()
        self.enter = nn.Embedding(9, 4) if words else nn.Linear(3, 4)

    def forward(self, x):
        return self.enter(x).cumsum(1)


@pytest.mark.parametrize(("words", "spec"), [(False, "2x5x3"), (True, "x=2x5:int64~range(0,9)")])
def test_what_depends_on_what_is_charted_over_samples_and_steps(words: bool, spec: str) -> None:
    torch.manual_seed(0)
    found = {one.axis: one for one in dependencies(subject(Causal(words), spec))}
    assert found["batch"].pattern == "each its own"
    assert len(found["batch"].matrix) == 3
    time = found["time"].matrix
    assert all(not time[out][into] for out in range(5) for into in range(out + 1, 5))
    assert found["time"].pattern == "those up to its own" if not words else any(map(any, time))


def test_patterns_have_names() -> None:
    def pattern(*rows: str) -> str:
        matrix = [[cell == "1" for cell in row] for row in rows]
        return Dependency(axis="batch", input="x", output="y", matrix=matrix).pattern

    assert pattern("10", "01") == "each its own"
    assert pattern("10", "11") == "those up to its own"
    assert pattern("11", "01") == "those from its own on"
    assert pattern("11", "11") == "all"
    assert pattern("00", "00") == "none"
    assert pattern("01", "10") == "some"


def test_a_curve_falls_from_its_highest_to_its_lowest_bar() -> None:
    curve = sparkline([float(100 - step) for step in range(101)])
    assert (curve[0], curve[-1]) == ("█", "▁")
    assert len(curve) <= 41
    assert list(curve) == sorted(curve, reverse=True)
    assert sparkline([2.0, 2.0]) == "▁▁"


def test_a_report_that_has_a_failed_test_has_failed() -> None:
    report = self_tests(subject(Deaf(), "2x6"), SelfTestSettings(steps=2, seconds=60))
    assert isinstance(report, SelfTestReport)
    assert report.failed
