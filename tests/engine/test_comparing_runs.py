"""A model before and after a change: the second pass is the one torch makes, and the model is as before."""

import copy

import msgspec
import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.core.run_comparison import RunComparisonSettings, compared_runs, parse_other_state
from inspector.engine.onnx_model.model import open_onnx

INPUTS = [InputSpec(shape=[4, 3, 8, 8])]


class Net(nn.Module):
    """Differs between modes by dropout and batch norm, and holds what a conversion replaces."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.5)
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.head = nn.Linear(5, 5, bias=False)
        self.again = nn.Linear(5, 5, bias=False)
        self.again.weight = self.head.weight

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x)).relu()).flatten(2).transpose(1, 2)
        return self.again(self.head(self.lstm(x)[0][:, -1]))


def settings(state, **more):
    return RunComparisonSettings(other=parse_other_state(state), run=ForwardSettings(inputs=INPUTS, **more))


def weights(tmp_path):
    other = Net()
    path = tmp_path / "other.pt"
    torch.save(other.state_dict(), path)
    return other, str(path)


@pytest.mark.parametrize("state", ["train", "bfloat16", "float16", "float64", "init", "file"])
def test_the_model_is_as_before(state, tmp_path):
    module = Net()
    model = live(module)
    model.trace(INPUTS, silent)
    table = model.forward(ForwardSettings(inputs=INPUTS, backward=True), silent).table
    output = model.forward(ForwardSettings(inputs=INPUTS), silent).outputs[0].text
    parameters = dict(module.named_parameters(remove_duplicate=False))
    # What torch's LSTM reads may move in a pass: it asks for memory that it might write to.
    still = [key for key in module.state_dict() if not key.startswith("lstm.")]
    addresses = {key: module.state_dict()[key].data_ptr() for key in still}
    before = copy.deepcopy(module.state_dict())
    state = weights(tmp_path)[1] if state == "file" else state
    model.compare_runs(settings(state, backward=True), silent)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert {key: value.dtype for key, value in module.state_dict().items()} == {k: v.dtype for k, v in before.items()}
    assert {key: module.state_dict()[key].data_ptr() for key in still} == addresses
    now = dict(module.named_parameters(remove_duplicate=False))
    assert all(now[key] is parameter for key, parameter in parameters.items())
    assert module.again.weight is module.head.weight
    assert not any(part.training for part in module.modules())
    assert msgspec.json.encode(model.table().tensors) == msgspec.json.encode(table.tensors)
    assert model.forward(ForwardSettings(inputs=INPUTS), silent).outputs[0].text == output


@pytest.mark.parametrize("state", ["train", "bfloat16", "float64", "file"])
def test_the_second_pass_is_that_of_a_changed_copy(state, tmp_path):
    module = Net().eval()
    changed, dtype = copy.deepcopy(module), torch.float32
    typed = state
    if state == "train":
        changed.train()
    elif state == "file":
        changed, typed = weights(tmp_path)
        changed.eval()
    else:
        dtype = getattr(torch, state)
        changed.to(dtype)
    comparison = live(module).compare_runs(settings(typed), silent)
    image = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    with torch.no_grad():
        expected = changed(image.to(dtype))
        as_it_was = module(image)
    for output, values in ((comparison.after.outputs[0], expected), (comparison.before.outputs[0], as_it_was)):
        assert output.dtype == str(values.dtype).removeprefix("torch.")
        assert output.statistics.mean == pytest.approx(float(values.double().mean()), rel=1e-6)
        assert output.statistics.std == pytest.approx(float(values.double().std()), rel=1e-6)
    first = next(one for one in compared_runs(comparison.before, comparison.after) if one.type == "Net")
    ratio = float(expected.double().square().mean().sqrt() / as_it_was.double().square().mean().sqrt())
    assert first.quantity("rms").ratio == pytest.approx(ratio, rel=1e-6)


def test_init_is_what_each_layer_draws_when_it_is_made():
    module = Net()
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.25)
    comparison = live(module).compare_runs(settings("init"), silent)
    conv = next(one for one in compared_runs(comparison.before, comparison.after) if one.path == "conv")
    bound = 1 / 27**0.5
    # Weights and bias are uniform in ±1/√fan_in, the input is standard normal: variance (27 + 1)·bound²/3.
    assert conv.quantity("rms").after == pytest.approx((28 * bound**2 / 3) ** 0.5, rel=0.3)
    assert conv.quantity("rms").before == pytest.approx(0.25 * 28**0.5, rel=0.3)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("eval", "in eval mode already"),
        ("float32", "is float32 already"),
        ("nowhere.pt", "nowhere.pt"),
    ],
)
def test_what_would_not_differ_is_refused_in_a_sentence(state, sentence):
    with pytest.raises(RequestError, match=sentence):
        live(Net()).compare_runs(settings(state), silent)


def test_a_state_in_which_the_model_fails_is_told():
    class Strict(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.conv(x) @ torch.ones(6, 2)

    comparison = live(Strict()).compare_runs(settings("float64"), silent)
    assert comparison.before.table.failure is None
    assert comparison.after.table.failure is not None
    rows = compared_runs(comparison.before, comparison.after)
    assert {one.path: one.why for one in rows if one.type != "Strict"} == {"conv": "", "": "only before"}


def test_graphs_are_compared_with_graphs_of_the_same_structure(sample, tmp_path):
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(sample("lenet.onnx"))
    weight = next(one for one in proto.graph.initializer if len(one.dims) == 4)
    weight.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weight), weight.name))
    doubled = str(tmp_path / "doubled.onnx")
    onnx.save(proto, doubled)
    model = open_onnx(Recipe(target=sample("lenet.onnx")))
    comparison = model.compare_runs(RunComparisonSettings(other=parse_other_state(doubled)), silent)
    rows = compared_runs(comparison.before, comparison.after)
    assert rows[0].why == ""
    assert all(one.row == one.after_row for one in rows)
    assert max(one.change for one in rows) > 0.5
    with pytest.raises(RequestError, match="name another"):
        model.compare_runs(RunComparisonSettings(other=parse_other_state("train")), silent)
    next(node for node in proto.graph.node if node.op_type == "Relu").op_type = "Tanh"
    onnx.save(proto, doubled)
    with pytest.raises(RequestError, match="structure has to be the same"):
        model.compare_runs(RunComparisonSettings(other=parse_other_state(doubled)), silent)
