"""The input that a model takes is worked out: what works is shown by running the model on it."""

import copy

import pytest
import torch
from torch import nn

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


def silent(done, total, text):
    """Progress nobody watches."""


def live(module):
    return TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))


class Refusing(nn.Module):
    """Fails whatever it is given, behind its only layer."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        self.fc(x)
        raise ValueError("never")


class RefusingAtOnce(nn.Module):
    """Fails whatever it is given, before any layer."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        raise ValueError("never")


@pytest.mark.parametrize("module", [Refusing(), RefusingAtOnce()], ids=["behind a layer", "at once"])
def test_a_model_that_always_fails_shows_with_what(module):
    table = live(module).trace([], silent)
    assert (table.failure.type, table.failure.message) == ("ValueError", "never")
    assert table.failure.source.text == 'raise ValueError("never")'
    assert "no-input" in [note.code for note in table.notes]


class Optional(nn.Module):
    """Its only input may be left out, and is needed."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, pixels=None, labels=None):
        return self.conv(pixels)


def test_an_argument_that_may_be_left_out_is_tried_where_nothing_fails():
    table = live(Optional()).trace([], silent)
    assert table.failure is None
    assert table.inputs[0].name == "pixels"
    given = torch.zeros(table.inputs[0].shape)
    assert table.outputs[0].shape == list(Optional()(given).shape)


def test_an_input_can_be_given_again_as_it_was_found():
    module = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 2))
    table = live(module).trace([], silent)
    again = parse_input(table.inputs[0].spec)
    assert (again.shape, again.dtype, again.high) == (table.inputs[0].shape, "int64", 7)
    assert live(module).trace([again], silent).outputs == table.outputs


def made_for(channels, *side):
    """A network whose head takes what its convolutions make of an input of this size."""
    convolution, pooling = {1: (nn.Conv1d, nn.MaxPool1d), 2: (nn.Conv2d, nn.MaxPool2d), 3: (nn.Conv3d, nn.MaxPool3d)}[
        len(side)
    ]
    features = nn.Sequential(convolution(channels, 4, 5), nn.ReLU(), pooling(2), convolution(4, 6, 3), pooling(2))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(features(torch.zeros(1, channels, *side)).numel(), 3))


class Positioned(nn.Module):
    """Patches, to which a table for 81 of them is added."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 12, 12)
        self.positions = nn.Parameter(torch.zeros(1, 81, 8))

    def forward(self, x):
        return self.patches(x).flatten(2).transpose(1, 2) + self.positions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "side"),
    [
        (made_for(3, 100, 100), 100),
        (made_for(1, 53, 53), 53),
        (made_for(2, 3000), 3000),
        (made_for(1, 20, 20, 20), 20),
        (nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.LayerNorm([4, 30, 30])), 61),
        (Positioned(), 108),
    ],
    ids=["image", "grey image", "sequence", "volume", "layer norm", "table of positions"],
)
def test_the_input_is_solved_for_whatever_size_the_model_was_made_for(module, side):
    table = live(module).trace([], silent)
    assert table.failure is None
    shape = table.inputs[0].shape
    for tried in (shape, *table.inputs[0].alternatives):
        module(torch.zeros(tried))
    sides = [tried[-1] for tried in (shape, *table.inputs[0].alternatives)]
    assert min(sides) <= side <= max(sides)


@pytest.mark.slow
class SixteenSamples(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 6, 5), nn.Linear(6 * 12 * 12, 10)

    def forward(self, x):
        return self.head(torch.max_pool2d(self.conv(x), 2).view(16, -1))


def test_a_number_of_samples_that_is_written_into_the_code_is_given():
    table = live(SixteenSamples()).trace([], silent)
    assert table.failure is None
    assert table.inputs[0].shape == [16, 1, 28, 28]


def test_sides_of_different_length_are_solved_for_too():
    # 6·5·23 = 690 features: no square gives as many.
    module = made_for(3, 30, 102)
    table = live(module).trace([], silent)
    assert table.failure is None
    module(torch.zeros(table.inputs[0].shape))


def test_a_forward_without_a_trace_works_the_input_out_too():
    report = live(Optional()).forward(ForwardSettings(), silent)
    assert report.table.failure is None
    assert report.table.inputs[0].name == "pixels"


class Pyramid(nn.Module):
    """Two images whose maps must be of some size on both sides, as those of optical flow."""

    def __init__(self, many):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 8, stride=8)
        self.many = many

    def forward(self, first, second):
        if first.shape != second.shape:
            raise ValueError("not the same shape")
        maps = self.layer(torch.cat([first, second]))
        if self.many:
            if any(size < 16 for size in maps.shape[-2:]):
                raise ValueError("too small")
        else:
            assert all(side >= 16 for side in maps.shape[2:]), maps.shape
        return maps


@pytest.mark.parametrize("many", [True, False])
def test_a_condition_on_every_size_says_which_are_too_small(many):
    table = live(Pyramid(many)).trace([], silent)
    assert table.failure is None
    assert [min(one.shape[2:]) >= 128 for one in table.inputs] == [True, True]
