"""Inputs of every structure are worked out: what works is shown by calling the model with it."""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.recipe import Recipe, parse_input
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

pytestmark = pytest.mark.slow


def silent(done, total, text):
    """Progress nobody watches."""


def live(module):
    return TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: copy.deepcopy(module)))


def traced(module, *given):
    """The table, on an input with which the model was called once more, by itself."""
    table = live(module).trace([parse_input(spec) for spec in given], silent)
    assert table.failure is None, table.failure
    positional, named = arguments_for(module, [parse_input(one.spec) for one in table.inputs], 0)
    module(*positional, **named)
    return table


def spec_of(table, name):
    return next(one.spec for one in table.inputs if one.name == name)


class ListOfImages(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images: list[torch.Tensor]):
        for image in images:
            if image.dim() != 3:
                raise ValueError("images have three axes")
        return [self.conv(image[None]) for image in images]


class Dictionary(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.picture = nn.Linear(20, 8)

    def forward(self, batch):
        return self.words(batch["ids"]).mean(1) + self.picture(batch["features"])


@dataclass
class Batch:
    """Fields of one argument."""

    x: torch.Tensor
    mask: torch.Tensor


class OfDataclass(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)

    def forward(self, batch: Batch):
        assert isinstance(batch, Batch)
        return self.fc(batch.x).masked_fill(batch.mask[:, :1], 0.0)


class Attributes(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)

    def forward(self, data):
        return self.fc(data.nodes)[data.wanted]


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(6, 5), nn.Linear(7, 5)

    def forward(self, pair):
        left, right = pair
        return self.left(left) + self.right(right)


class AnyNumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)

    def forward(self, *xs):
        return self.fc(xs[0]) - self.fc(xs[1])


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(6, 9)

    def forward(self, x, hidden, steps: int, scale: float = 1.0):
        for _ in range(steps):
            hidden = self.cell(x, hidden)
        return hidden * scale


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(13, 6)
        self.lstm = nn.LSTM(6, 9, 2, batch_first=True)

    def forward(self, x, hidden):
        h, c = hidden
        return self.lstm(self.words(x), (h, c))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(10, 30), nn.Linear(32, 1)

    def forward(self, state, action):
        return self.second(torch.cat([self.first(torch.cat([state, action], 1)), action], 1))


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)

    def forward(self, x, edge_index):
        sources, targets = edge_index
        return torch.zeros(x.shape[0], 5).index_add(0, targets, self.fc(x)[sources])


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(8, 4), nn.SiLU())
        self.down, self.up = nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 2, 2)
        self.last = nn.Conv2d(7, 3, 1)

    def forward(self, x, t):
        angles = t[:, None] * torch.arange(4)[None]
        embedded = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        return self.last(torch.cat([x, self.up(self.down(x) + embedded[:, :, None, None])], 1))


class Translation(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(7, 8), nn.Embedding(9, 8)
        self.body = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)

    def forward(self, src, tgt, src_padding_mask):
        return self.body(self.source(src), self.target(tgt), src_key_padding_mask=src_padding_mask)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.gru = nn.Embedding(7, 8), nn.GRU(8, 5, batch_first=True)

    def forward(self, text, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.words(text), lengths, batch_first=True)
        return self.gru(packed)[1]


class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(50, 4)

    def forward(self, text, offsets):
        return self.bag(text, offsets)


class Asserting(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.side = nn.Conv2d(3, 8, 12, 12), 84

    def forward(self, x):
        _, _, h, w = x.shape
        assert (h, w) == (self.side, self.side), "another size"
        return self.patches(x)


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(50, 8), nn.Parameter(torch.zeros(77, 8))

    def forward(self, ids):
        return self.words(ids) + self.positions


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(5, 4, 3)

    def forward(self, x):
        return self.conv(x.permute(0, 3, 1, 2))


MODELS = [
    ListOfImages(), Dictionary(), OfDataclass(), Attributes(), Pair(), AnyNumber(), Steps(), CharRNN(), Critic(),
    Graph(), Diffusion(), Translation(), Packed(), Bags(), Asserting(), Positions(), ChannelsLast(),
]  # fmt: skip


@pytest.mark.parametrize("module", MODELS, ids=lambda module: type(module).__name__)
def test_the_input_is_worked_out(module):
    table = traced(module)
    assert table.failure is None
    assert table.rows[0].reached


def test_parts_are_named_by_how_they_are_reached():
    assert [one.name for one in traced(ListOfImages()).inputs] == ["images[0]"]
    assert {one.name for one in traced(Dictionary()).inputs} == {'batch["ids"]', 'batch["features"]'}
    assert {one.name for one in traced(OfDataclass()).inputs} == {"batch.x", "batch.mask"}
    assert [one.name for one in traced(Pair()).inputs] == ["pair[0]", "pair[1]"]


def test_what_is_no_tensor_is_given_as_a_plain_value():
    table = traced(Steps())
    assert spec_of(table, "steps").startswith("steps==")
    assert next(one for one in table.inputs if one.name == "steps").shape is None


def test_indices_stay_below_the_rows_of_their_table():
    assert spec_of(traced(Dictionary()), 'batch["ids"]').endswith(":int64~range(0,11)")


def test_one_input_given_leaves_the_others_to_be_worked_out():
    table = traced(Diffusion(), "x=2x3x20x20")
    assert [one.origin for one in table.inputs] == ["given", "inferred"]
    assert table.inputs[0].shape == [2, 3, 20, 20]
    assert table.inputs[1].shape in ([1], [2])


def test_sizes_that_are_asserted_are_taken():
    assert traced(Asserting()).inputs[0].shape == [1, 3, 84, 84]


def test_channels_that_come_last_are_put_last():
    shape = traced(ChannelsLast()).inputs[0].shape
    assert shape[-1] == 5
    assert shape[1] == shape[2] > 5


class LeNet(nn.Module):
    """Its view takes 25 samples from one image of 52×52, and complains of nothing."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc = nn.Linear(400, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 2)
        x = nn.functional.max_pool2d(self.conv2(x), 2)
        return self.fc(x.view(-1, 400))


def test_a_size_of_which_a_view_makes_several_samples_is_no_solution():
    table = traced(LeNet())
    found = table.inputs[0]
    assert table.outputs[0].shape == [1, 10]
    assert found.equation == "16·⌊(h − 12)/4⌋·⌊(w − 12)/4⌋ = 400"
    assert [(sizes.low, sizes.high) for sizes in found.sizes] == [(32, 35)]
    for side in range(28, 40):
        try:
            works = LeNet()(torch.zeros(1, 3, side, side)).shape == (1, 10)
        except RuntimeError:
            works = False
        assert works == (32 <= side <= 35)


def test_what_is_known_of_the_sizes_stays_when_another_of_them_is_given():
    model = live(LeNet())
    before = model.trace([], silent).inputs[0]
    after = model.trace([parse_input("1x3x35x35")], silent).inputs[0]
    assert (after.origin, after.sizes, after.equation) == ("given", before.sizes, before.equation)
    assert before.shape in after.alternatives
    assert model.trace([parse_input("1x3x36x36")], silent).inputs[0].sizes == []


class OneSample(nn.Module):
    """Runs on one sample only."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x).view(1, 3)


def test_a_model_that_takes_one_sample_only_says_so():
    table = traced(OneSample())
    assert "with 2 samples" in next(note.message for note in table.notes if note.code == "batch-size")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["pair[0]=1x6", "pair.b=1x7"], "pair[0] makes pair a list"),
        (["pair[1]=1x6"], "pair[0] is not given"),
        (["pair=1x6", "pair[0]=1x6"], "as a whole and in parts"),
        (["pair.class=1x6"], "'class'"),
    ],
)
def test_parts_that_make_no_structure_are_refused(given, words):
    with pytest.raises(RequestError) as refused:
        live(Pair()).trace([parse_input(spec) for spec in given], silent)
    assert words in str(refused.value)


def test_an_infinite_number_is_a_plain_value():
    named = arguments_for(Steps(), [parse_input("scale==1e999"), parse_input("x=1x6")], 0)[1]
    assert named["scale"] == float("inf")
