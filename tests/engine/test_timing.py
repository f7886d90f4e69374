"""Passes for their times alone: what runs in them, and what of it the rows cannot tell."""

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.timing import timed_passes

GIVEN = [InputSpec(shape=[2, 5, 8])]


class Counting(nn.Module):
    """Says how often it ran, and with how many hooks on its layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)
        self.norm = nn.BatchNorm1d(5)

    def forward(self, x):
        seen.append(len(self.layer._forward_hooks) + len(self._forward_hooks))
        return self.norm(self.layer(x))


seen: list[int] = []


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).eval()


def test_bare_passes_and_those_with_a_clock_take_turns():
    seen.clear()
    report = live(Counting()).forward(ForwardSettings(inputs=GIVEN, timed=3), silent)
    bare = [hooks == 0 for hooks in seen]
    # The measured pass, one to warm up, then in turn.
    assert bare == [False, True, True, False, True, False, True, False]
    assert report.timing.passes == 3
    assert report.seconds == report.timing.bare_seconds
    assert all(run.seconds is not None for run in report.runs)
    assert report.timing.fused == []


def test_the_times_are_told_by_the_clock_given_to_each_call(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr("inspector.engine.pytorch.timing.clock_of", lambda model: lambda: float(next(ticks)))
    found = timed_passes(nn.Linear(8, 4), lambda: ((torch.ones(2, 8),), {}), 0, 2, lambda done: None)
    # A bare pass reads the clock before and after it, and so it takes one tick.
    assert found.timing.bare_seconds == 1
    assert list(found.rows) == [("", "Linear", 1)]
    assert len(found.rows["", "Linear", 1]) == 2


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_layers_that_torch_fuses_in_a_bare_pass_are_named(mode):
    module = transformer()
    model = live(module)
    module.train(mode == "train")
    fused = model.forward(ForwardSettings(inputs=GIVEN, timed=1), silent).timing.fused
    # torch's fused path is for eval mode: its documentation lists when it is taken.
    assert fused == (["layers.0", "layers.1", "layers.2"] if mode == "eval" else [])


def test_the_model_is_as_before():
    module = Counting().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    live(module).forward(ForwardSettings(inputs=GIVEN, timed=2), silent)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert not module._forward_hooks


def test_an_onnx_graph_has_times_of_its_own(tmp_path):
    from onnx_graphs import mlp, opened

    with pytest.raises(RequestError, match="--batches repeats the run"):
        opened(tmp_path, mlp()).forward(ForwardSettings(timed=1), silent)


class RunsOnce(nn.Linear):
    def forward(self, x):
        with_hooks.append(bool(self._forward_hooks))
        if len(with_hooks) > 1:
            raise ValueError("enough")
        return super().forward(x)


with_hooks: list[bool] = []


def test_a_model_that_does_not_run_again_is_refused_in_a_sentence():
    with_hooks.clear()
    with pytest.raises(RequestError, match="ValueError: enough; leave out --timed"):
        live(RunsOnce(8, 4)).forward(ForwardSettings(inputs=GIVEN, timed=1), silent)
