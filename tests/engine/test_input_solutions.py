"""What is said of the sizes that a model takes is so: each size is run."""

import copy

import pytest
import torch
from torch import nn

from inspector.core.recipe import Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


def silent(done, total, text):
    """Progress nobody watches."""


def inputs_of(module):
    model = TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))
    return model.trace([], silent).inputs


def runs(module, *shapes, dtype=None):
    try:
        module(*(torch.zeros(shape, dtype=dtype) for shape in shapes))
    except (RuntimeError, IndexError):
        return False
    return True


class Halving(nn.Module):
    """Halves a map three times and joins all but the first with the way back: 8·n + 1 works too, 8·n + 2 does not."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(4, 4, 4, 2, 1) for _ in range(3))
        self.up = nn.ModuleList(nn.ConvTranspose2d(8, 4, 4, 2, 1) for _ in range(3))

    def forward(self, x):
        maps = []
        for layer in self.down:
            x = layer(x if maps else x.mean(1, keepdim=True).expand(-1, 4, -1, -1))
            maps.append(x)
        for layer in self.up:
            x = layer(torch.cat([x, maps.pop()], 1))
        return x


class Pyramid(nn.Module):
    """Three maps, each twice as large as the next."""

    def __init__(self):
        super().__init__()
        self.sides = nn.ModuleList(nn.Conv2d(channels, 4, 1) for channels in (8, 16, 32))

    def forward(self, large, middle, small):
        made = [layer(x) for layer, x in zip(self.sides, (large, middle, small), strict=True)]
        made[1] = made[1] + nn.functional.interpolate(made[2], scale_factor=2)
        return made[0] + nn.functional.interpolate(made[1], scale_factor=2)


class Tabled(nn.Module):
    """Words and their positions, of which there are 200."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 4)
        self.positions = nn.Embedding(200, 4)

    def forward(self, ids):
        return self.words(ids) + self.positions(torch.arange(ids.shape[1]))


@pytest.mark.slow
def test_where_sizes_matter_by_multiples_that_is_what_is_said():
    module = Halving()
    (image,) = inputs_of(module)
    (sizes,) = image.sizes
    ran = {size for size in range(1, 60) if runs(module, (1, 3, size, size))}
    assert 9 in ran
    assert 10 not in ran
    assert set(range(sizes.low, 60, sizes.step)) == {size for size in ran if size % 8 == 0}
    assert image.solutions == "h and w a multiple of 8, from 8, and some others"


@pytest.mark.slow
def test_of_inputs_that_change_together_it_is_not_said_that_one_size_alone_does():
    module = Pyramid()
    inputs = inputs_of(module)
    shapes = [one.shape for one in inputs]
    assert runs(module, *shapes)
    assert runs(module, *([*shape[:2], 2 * shape[2], 2 * shape[3]] for shape in shapes))
    assert [one.solutions for one in inputs] == ["", "", ""]


@pytest.mark.slow
def test_a_sequence_is_not_said_to_be_of_any_length_where_positions_end():
    module = Tabled()
    (ids,) = inputs_of(module)
    ran = [length for length in range(1, 260) if runs(module, (1, length), dtype=torch.int64)]
    (sizes,) = ids.sizes
    assert [sizes.low, sizes.high] == [ran[0], ran[-1]]
