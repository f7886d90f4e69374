"""Ablation: what is told of a row is what a forward hook that switches it off does to the output."""

import copy

import pytest
import torch
from live_models import live, silent
from stepped import seeded_as_a_pass
from torch import nn
from zoo_samples import loaded

from inspector.core.ablation import AblationSettings
from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.drawing_inputs import draw_inputs


def by_hand(model, path, switch, x):
    """‖output without the module − output‖ / ‖output‖ and the largest difference, with torch's own hooks."""
    outputs = []
    for hooked in (False, True):
        handle = model.get_submodule(path).register_forward_hook(switch) if hooked else None
        with seeded_as_a_pass():
            outputs.append(model(x).double())
        if handle is not None:
            handle.remove()
    apart = outputs[1] - outputs[0]
    return float(apart.norm() / outputs[0].norm()), float(apart.abs().max())


def zeros(module, given, output):
    return torch.zeros_like(output)


def passed_on(module, given, output):
    return given[0]


def ablated(module, shape, **settings):
    spec = InputSpec(shape=shape)
    report = live(module).ablate(AblationSettings(inputs=[spec], **settings), silent)
    return report, draw_inputs([spec], 0)[0]


@pytest.mark.parametrize(("stem", "shape"), [("lenet", [2, 3, 32, 32]), ("autoencoder", [2, 1, 28, 28])])
def test_every_layer_with_parameters_is_ranked_by_what_the_output_lacks_without_it(stem, shape):
    model = loaded(stem)
    report, x = ablated(model, shape)
    layers = [path for path, module in model.named_modules() if module._parameters]
    assert sorted(row.path for row in report.rows) == sorted(layers)
    for row in report.rows:
        relative, largest = by_hand(model, row.path, zeros, x)
        assert row.by == "zero"
        assert row.relative == pytest.approx(relative, rel=1e-9)
        assert row.max_abs == pytest.approx(largest, rel=1e-9)
    assert [row.relative for row in report.rows] == sorted((row.relative for row in report.rows), reverse=True)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return x + self.act(self.fc(x))


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Residual() for _ in range(4))
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@pytest.fixture
def tower():
    torch.manual_seed(0)
    return Tower()


def test_blocks_that_repeat_are_left_out_by_letting_their_input_through(tower):
    report, x = ablated(tower, [4, 6])
    rows = {row.path: row for row in report.rows}
    assert {path for path, row in rows.items() if row.by == "identity"} >= {f"blocks.{at}" for at in range(4)}
    for at in range(4):
        assert rows[f"blocks.{at}"].relative == pytest.approx(by_hand(tower, f"blocks.{at}", passed_on, x)[0])


def test_a_layer_that_writes_into_its_input_passes_on_what_that_was(tower):
    report, x = ablated(tower, [4, 6], rows=["blocks.1.act"], by="identity")
    without = copy.deepcopy(tower)
    without.blocks[1].act = nn.Identity()
    with torch.no_grad():
        plain, changed = tower(x).double(), without(x).double()
    assert report.rows[0].relative == pytest.approx(float((changed - plain).norm() / plain.norm()))
    assert report.rows[0].relative > 0


def test_one_call_and_functions_are_chosen_by_patterns():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            x = torch.tanh(self.fc(torch.tanh(self.fc(x))))
            x.mul_(3)
            return x + 1

    torch.manual_seed(0)
    model = Twice()
    report, x = ablated(model, [2, 4], rows=["fc #2", "type:mul_", "type:+"], by="zero")
    found = {(row.type, row.call, row.calls): row for row in report.rows}
    assert found.keys() == {("Linear", 1, 2), ("x.mul_", None, 1), ("+", None, 1)}
    assert found["+", None, 1].relative == 1
    # Without the second call, or the multiplication in place, only the 1 is left of the sum.
    with torch.no_grad():
        plain = model(x).double()
    for row in (found["Linear", 1, 2], found["x.mul_", None, 1]):
        assert row.relative == pytest.approx(float((plain - 1).norm() / plain.norm()))


def test_a_model_that_fails_without_a_row_says_so(tower):
    class Divides(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            x = self.fc(x)
            if not x.any():
                raise ValueError("nothing left")
            return x

    report, _ = ablated(Divides(), [2, 4])
    assert (report.rows[0].relative, report.rows[0].problem) == (None, "the model fails without it: nothing left")
    report, _ = ablated(tower, [4, 6], rows=["head"], by="identity")
    assert "another shape" in report.rows[0].problem


def test_the_model_is_as_before_also_where_it_is_cancelled(tower):
    tower.train()
    before = copy.deepcopy(tower.state_dict())
    model = live(tower, training=True)
    settings = AblationSettings(inputs=[InputSpec(shape=[4, 6])])
    model.ablate(settings, silent)

    def cancel(done, total, text):
        if done == 3:
            raise RequestCancelledError

    with pytest.raises(RequestCancelledError):
        model.ablate(settings, cancel)
    assert all(torch.equal(value, before[key]) for key, value in tower.state_dict().items())


def test_rows_that_are_none_are_refused(tower):
    for rows, sentence in {("heat",): "did you mean head", ("type:Conv2d",): "no row that ran"}.items():
        with pytest.raises(RequestError, match=sentence):
            ablated(tower, [4, 6], rows=list(rows))


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 6, 3, padding=1)
        self.fc = nn.Linear(6, 5)
        self.rnn = nn.GRU(5, 4, batch_first=True)
        self.pick = nn.Linear(4, 3)

    def forward(self, x):
        return self.pick(self.rnn(self.fc(self.conv(x).transpose(1, 2)))[0])[:, -1]


def means(channels):
    """A hook that puts the mean of each channel in the place of an output, or of each of several."""

    def mean(one):
        axis = channels if one.dim() == 3 else 1
        return torch.stack([part.mean().expand_as(part) for part in one.unbind(axis)], axis)

    return lambda module, given, output: tuple(map(mean, output)) if isinstance(output, tuple) else mean(output)


def test_by_its_mean_each_channel_is_the_same_for_every_sample_and_position():
    torch.manual_seed(0)
    model = Sequences().eval()
    report, x = ablated(model, [3, 2, 7], by="mean")
    for row in report.rows:
        relative, largest = by_hand(model, row.path, means(1 if row.path == "conv" else 2), x)
        assert row.by == "mean"
        assert row.relative == pytest.approx(relative, rel=1e-5)
        assert row.max_abs == pytest.approx(largest, rel=1e-5)
    assert {row.path for row in report.rows} == {"conv", "fc", "rnn", "pick"}


class Positions(nn.Module):
    """Sequences whose positions a convolution makes: its output has them last, its own has them second."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 6, 3, padding=1, groups=6)
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        return self.fc(x + self.conv(x.transpose(1, 2)).transpose(1, 2))


def test_the_last_layer_inside_tells_which_axis_has_the_channels():
    torch.manual_seed(0)
    model = nn.ModuleDict({"block": Positions(), "head": nn.Linear(6, 3)})
    model.forward = lambda x: model["head"](model["block"](x))[:, -1]
    report, x = ablated(model.eval(), [3, 7, 6], rows=["block"], by="mean")
    relative, _ = by_hand(model, "block", means(2), x)
    assert report.rows[0].relative == pytest.approx(relative, rel=1e-5)


def test_by_its_mean_a_picture_keeps_no_positions():
    model = loaded("lenet")
    report, x = ablated(model, [2, 3, 32, 32], by="mean")
    for row in report.rows:
        relative, _ = by_hand(model, row.path, means(1), x)
        assert row.relative == pytest.approx(relative, rel=1e-5)


def test_what_has_no_mean_says_so():
    class Picks(nn.Module):
        def forward(self, x):
            return torch.take_along_dim(x, x.argmax(1, keepdim=True), 1)

    report, _ = ablated(Picks(), [2, 5], rows=["type:*argmax"], by="mean")
    assert report.rows[0].problem == "it puts out no numbers of floating point, so there is no mean"
