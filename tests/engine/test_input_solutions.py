"""What is said of the inputs that a model takes, and of the sizes that do, is so: each is run."""

import copy

import pytest
import torch
from torch import nn

from inspector.core.recipe import Recipe, parse_input
from inspector.engine.pytorch.inputs.inferring import PATIENCE_LATER
from inspector.engine.pytorch.inputs.searching import MOST_TRIES, PATIENCE
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


def silent(done, total, text):
    """Progress nobody watches."""


def table_of(module, *given):
    model = TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))
    return model.trace([parse_input(one) for one in given], silent)


def inputs_of(module, *given):
    return table_of(module, *given).inputs


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


class Levels(nn.Module):
    """Goes through its batch, of volumes, and convolves each as a batch of maps: the first axis is channels."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(64, 2, 1) for _ in range(2))

    def forward(self, levels):
        return [conv(level) for conv, level in zip(self.convs, levels, strict=False)]


@pytest.mark.slow
def test_what_holds_of_three_axes_together_is_not_said_of_two():
    module = Levels()
    (levels,) = inputs_of(module)
    shape = levels.shape
    assert runs(module, shape)
    assert runs(module, [*shape[:-2], 5, 5])
    assert "only" not in levels.solutions


class Patched(nn.Module):
    """Patches of an image that is not square, to each of which its own position is added."""

    def __init__(self, img_size=(16, 56)):
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 8, 8)
        self.positions = nn.Parameter(torch.zeros(1, (img_size[0] // 8) * (img_size[1] // 8) + 1, 4))

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([patches[:, :1], patches], 1) + self.positions


class Generator(nn.Module):
    """Takes any split of 74 numbers into three; its constructor names the one that it was made for."""

    def __init__(self, latent_dim=62, num_classes=10, code_dim=2):
        super().__init__()
        self.fc = nn.Linear(latent_dim + num_classes + code_dim, 5)

    def forward(self, noise, labels, code):
        return self.fc(torch.cat([noise, labels, code], -1))


class Stepwise(nn.Module):
    """Looks at all words but the first, which a single one is."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4)

    def forward(self, source, target):
        made = [self.words(source[0])]
        made += [self.words(target[step]) for step in range(1, len(target))]
        return torch.stack(made)


class Characters(nn.Module):
    """One character of each of several texts, and the state that they have come to."""

    def __init__(self):
        super().__init__()
        self.characters = nn.Embedding(9, 6)
        self.rnn = nn.GRU(6, 6, 2)

    def forward(self, input, hidden):
        return self.rnn(self.characters(input).view(1, input.size(0), -1), hidden)


def test_the_size_of_an_image_that_the_constructor_names_is_taken():
    module = Patched()
    (image,) = inputs_of(module)
    assert runs(module, image.shape)
    assert image.shape == [1, 3, 16, 56]
    assert image.reason == "declared in its img_size"


def test_sizes_that_the_constructor_names_as_the_inputs_tell_how_a_sum_is_split():
    module = Generator()
    shapes = [one.shape for one in inputs_of(module)]
    assert runs(module, *shapes)
    assert shapes == [[1, 62], [1, 10], [1, 2]]


@pytest.mark.slow
def test_an_input_that_only_a_longer_pass_looks_at_is_of_the_dtype_that_it_wants():
    module = Stepwise()
    table = table_of(module)
    assert table.failure is None
    assert [one.dtype for one in table.inputs] == ["int64", "int64"]
    assert not runs(module, [2, 5], [2, 5])
    assert runs(module, [2, 5], [2, 5], dtype=torch.int64)
    assert "batch-size" not in [note.code for note in table.notes]


def test_the_other_inputs_are_of_as_many_samples_as_a_given_state():
    module = Characters()
    table = table_of(module, "hidden=2x5x6")
    assert table.failure is None
    ids = next(one for one in table.inputs if one.name == "input")
    assert ids.shape[0] == 5
    module(torch.zeros(ids.shape, dtype=torch.int64), torch.zeros(2, 5, 6))


class TooMany(nn.Module):
    """Wants 51 numbers of a map of 4 channels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 2)
        self.fc = nn.Linear(51, 2)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


@pytest.mark.slow
def test_an_equation_without_a_solution_is_said():
    module = TooMany()
    assert not any(runs(module, (1, 3, side, other)) for side in range(3, 40) for other in range(3, 40))
    (note,) = [note.message for note in table_of(module).notes if note.code == "no-input"]
    assert "4·h·w = 51 has no solution in whole numbers" in note


def test_a_search_that_learns_nothing_new_ends_long_before_its_last_try():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 6)

        def forward(self, x):
            calls.append(x.shape)
            return self.fc(x) @ x.new_ones(7, 3)

    calls: list[torch.Size] = []
    assert table_of(Broken()).failure is not None
    assert len(set(calls)) <= PATIENCE + PATIENCE_LATER + 20 < MOST_TRIES / 2
