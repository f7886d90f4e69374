"""Of the inputs on which a model runs, the one that its author means is taken: a batch, of sizes that differ."""

import copy

import pytest
import torch
from torch import nn

from inspector.core.recipe import Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


def shapes_of(module):
    model = TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))
    table = model.trace([], lambda *_: None)
    assert table.failure is None
    shapes = [one.shape for one in table.inputs]
    module(*(torch.zeros(one.shape, dtype=getattr(torch, one.dtype)) for one in table.inputs))
    return shapes


class Encoder(nn.Module):
    """Averages a sequence over its time, which runs on one sequence too, over the wrong axis."""

    def __init__(self, batch_first, before=None):
        super().__init__()
        self.before = before or nn.Identity()
        self.layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=batch_first)
        self.head = nn.Linear(16, 16)
        self.time = 1 if batch_first else 0

    def forward(self, x):
        return self.head(self.layer(self.before(x)).mean(self.time))


class Attending(nn.Module):
    """A layer of attention alone."""

    def __init__(self, batch_first):
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 2, batch_first=batch_first)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Scores(nn.Module):
    """Attention written out."""

    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, x):
        return torch.softmax(self.query(x) @ self.key(x).transpose(-2, -1), -1)


class Stacked(nn.Module):
    """A recurrent layer, the sequence of whose outputs is averaged."""

    def __init__(self, batch_first):
        super().__init__()
        self.rnn = nn.GRU(12, 6, batch_first=batch_first)

    def forward(self, x):
        return self.rnn(x)[0]


class OnlyOneSequence(nn.Module):
    """Takes the pairs of positions of one sequence, which a batch does not have."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 2)

    def forward(self, x):
        length, _ = x.shape
        return self.attention(x, x, x)[0].reshape(length, 12)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (Encoder(batch_first=True), [1, 8, 16]),
        (Encoder(batch_first=False), [8, 1, 16]),
        (Encoder(batch_first=True, before=nn.Linear(10, 16)), [1, 8, 10]),
        (Attending(batch_first=True), [1, 16, 12]),
        (Attending(batch_first=False), [16, 1, 12]),
        (Stacked(batch_first=True), [1, 16, 12]),
        (Stacked(batch_first=False), [16, 1, 12]),
        (Scores(), [1, 16, 32]),
    ],
    ids=[
        "encoder", "encoder with time first", "encoder behind a layer", "attention", "attention with time first",
        "recurrent layer", "recurrent layer with time first", "attention written out",
    ],
)  # fmt: skip
def test_what_takes_one_sequence_too_is_given_a_batch(module, shape):
    assert shapes_of(module) == [shape]


class Similarities(nn.Module):
    """How alike the averages of the samples are to each other."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor):
        _, time, _ = x.shape[:3]
        average = self.fc(x).mean(1)
        return average @ average.transpose(-2, -1) / time


def test_samples_that_are_compared_are_not_taken_for_one_sequence():
    (shape,) = shapes_of(Similarities())
    assert len(shape) == 3


def test_what_takes_only_one_sequence_is_given_one():
    (shape,) = shapes_of(OnlyOneSequence())
    assert len(shape) == 2


class GroupsOfOne(nn.Module):
    """Norms over groups of one channel."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 32)
        self.norm = nn.GroupNorm(32, 32)

    def forward(self, x):
        return self.norm(self.fc(x))


def test_vectors_in_groups_of_one_channel_are_of_two_samples():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        GroupsOfOne()(torch.zeros(1, 20))
    assert shapes_of(GroupsOfOne()) == [[2, 20]]


class Audio(nn.Module):
    """Reshapes its map where it means to swap two axes, which a square map hides."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(40, 64, 3, padding=1)
        self.rnn = nn.GRU(64, 32, batch_first=True)

    def forward(self, x):
        made = self.conv(x)
        return self.rnn(made.reshape(made.shape[0], made.shape[2], made.shape[1]))[0]


class Words(nn.Module):
    """Two texts as long as each other, in vectors of 16 numbers."""

    def __init__(self, most=None):
        super().__init__()
        self.words = nn.Embedding(50, 16)
        self.positions = nn.Parameter(torch.zeros(16 if most else 1, 16))

    def forward(self, one, other):
        return self.words(one) + self.words(other) + self.positions


@pytest.mark.parametrize(
    ("module", "known"), [(Audio(), {3, 40, 64, 96, 32}), (Words(), {50, 16})], ids=["a map", "words"]
)
def test_the_length_of_a_sequence_is_no_other_size_of_the_model(module, known):
    shapes = shapes_of(module)
    lengths = {shape[-1] for shape in shapes}
    assert len(lengths) == 1
    assert not lengths & known


def test_a_length_that_the_model_wants_stays_though_it_is_another_size():
    assert shapes_of(Words(most=16)) == [[1, 16], [1, 16]]
