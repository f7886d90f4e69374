"""Scripted and traced modules, as a part and as the whole: what they hold is known, what they call inside is not."""

import copy

import pytest
import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened
from inspector.engine.session import Session


def silent(done, total, text):
    """Progress nobody watches."""


def live(module):
    return TorchModel(Recipe(target="net.py"), Opened(module, "Net", lambda seed: copy.deepcopy(module)))


def part():
    return nn.Sequential(nn.Conv2d(3, 3, 5, padding=2), nn.BatchNorm2d(3), nn.ReLU()).eval()


class Net(nn.Module):
    """Adds what an inner module makes of a convolution to that convolution."""

    def __init__(self, inner):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.inner = inner
        self.last = nn.Conv2d(3, 2, 3)

    def forward(self, image):
        x = self.first(image)
        return self.last(self.inner(x) + x)


MODELS = {
    "scripted part": lambda: Net(torch.jit.script(part())),
    "traced part": lambda: Net(torch.jit.trace(part(), torch.ones(1, 3, 8, 8))),
    "scripted": lambda: torch.jit.script(Net(part())),
    "traced": lambda: torch.jit.trace(Net(part()), torch.ones(1, 3, 8, 8)),
}
given = [InputSpec(shape=[1, 3, 32, 32])]


@pytest.fixture(params=MODELS)
def module(request):
    torch.manual_seed(0)
    return MODELS[request.param]().eval()


def test_structure_keys_and_totals_are_those_of_the_plain_model(module):
    model = live(module)
    table = model.table()
    plain = Net(part())
    assert [row.path for row in table.rows] == [name for name, _ in plain.named_modules()]
    assert table.totals.modules == len(list(plain.modules()))
    assert table.totals.parameters == sum(parameter.numel() for parameter in plain.parameters())
    assert [tensor.key for tensor in table.tensors] == list(plain.state_dict())
    assert [key.key for key in model.explain([])] == list(plain.state_dict())
    for tensor in table.tensors:
        assert torch.equal(eval(tensor.expression, {"model": module}), module.state_dict()[tensor.key])


def test_a_pass_gives_what_torch_gives_and_leaves_the_model_as_it_was(module):
    model = live(module)
    before = copy.deepcopy(module.state_dict())
    report = model.forward(ForwardSettings(inputs=given, seed=3, backward=True), silent)
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    assert report.outputs[0].text == str(module(image).detach())
    assert all(gradient.gradient_note is None for gradient in report.gradients)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_what_is_unseen_is_said_to_be_unknown(module):
    table = live(module).trace(given, silent)
    scripts = [path for path, each in module.named_modules() if isinstance(each, torch.jit.ScriptModule)]
    rows = {row.path: row for row in table.rows if row.kind == "module"}
    assert rows[scripts[0]].output_shapes == [[1, 3, 32, 32] if scripts[0] else [1, 2, 30, 30]]
    assert all(rows[path].output_shapes == [] for path in scripts[1:])
    assert all(row.reached for row in table.rows)
    assert rows[scripts[0]].receptive_field.status == rows[""].receptive_field.status == "unknown"
    assert [note.path for note in table.notes if note.code == "torchscript"] == [scripts[0]]


def test_an_argument_is_called_as_the_script_calls_it(module):
    names = [one.name for one in live(module).trace([], silent).inputs]
    assert names == ["image"]


def test_its_tensors_are_initialised_moved_looked_at_and_put_back(module):
    session = Session(live(module))
    before = copy.deepcopy(module.state_dict())
    key = next(key for key in before if key.endswith("0.weight"))
    session.apply(Edit(action="initialise", where=key, argument="constant_(val=2)"))
    assert module.state_dict()[key].eq(2).all()
    assert session.model.values(key, "", 4).statistics.mean == 2
    session.apply(Edit(action="place", where="", argument="meta"))
    session.undo()
    session.undo()
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert "def forward" in session.model.source(key.rpartition(".")[0], None).text
