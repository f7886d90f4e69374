"""A change at a stop does what the same change does by hand: in a forward hook, or in the source of the forward."""

import numpy
import pytest
import torch
from live_models import live, silent
from stepped import seeded_as_a_pass, stepping, stops_of
from torch import nn
from torch.nn import functional as F
from zoo_samples import loaded, values_for

from inspector.core.errors import RequestError
from inspector.core.output_changes import parse_change
from inspector.core.recipe import parse_input
from inspector.core.stops import OtherRun, StepSettings


def ended(model, *args, changes):
    """The output of a pass with these changes."""
    outputs = []
    for name, output in stops_of(stepping(model, *args, changes=changes), work=lambda here: here.output):
        if name == "after  0":
            outputs.append(output)
    return outputs[0]


def with_hook(model, path, change, *args):
    """By hand: the output of one module replaced in a forward hook."""
    handle = model.get_submodule(path).register_forward_hook(lambda module, given, output: change(output))
    try:
        with seeded_as_a_pass():
            return model(*args)
    finally:
        handle.remove()


def element(output):
    output = output.clone()
    output[0, 1, 2, -1] = 1.5
    return output


def noise(output):
    return output + torch.randn(output.shape, generator=torch.Generator().manual_seed(7)) * 0.25


BY_HAND = {
    "zero": torch.zeros_like,
    "scale(-2.5)": lambda output: output * -2.5,
    "clamp(-0.1, 0.2)": lambda output: output.clamp(-0.1, 0.2),
    "noise(0.25, 7)": noise,
    "[0, 1, 2, -1] = 1.5": element,
    "= output.abs() + x.mean()": lambda output: output.abs() + X.mean(),
    "= torch.relu(output)[:, :, :, :]": torch.relu,
}
X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("text", BY_HAND)
def test_a_changed_output_gives_what_a_forward_hook_gives(text):
    model = loaded("lenet")
    assert torch.equal(ended(model, X, changes=[f"conv1: {text}"]), with_hook(model, "conv1", BY_HAND[text], X))


def test_a_file_takes_the_place_of_an_output(tmp_path):
    model, value = loaded("lenet"), torch.randn(2, 6, 28, 28)
    torch.save(value, tmp_path / "value.pt")
    numpy.save(tmp_path / "value.npy", value.numpy())
    for name in ("value.pt", "value.npy"):
        found = ended(model, X, changes=[f"conv1: file({tmp_path / name})"])
        assert torch.equal(found, with_hook(model, "conv1", lambda output: value, X))


def test_one_call_of_a_shared_layer_is_changed_alone():
    model = loaded("shared_layer")
    x, calls = values_for("shared_layer"), []

    def second(output):
        calls.append(None)
        return output * 0 if len(calls) == 2 else output

    path = next(path for path, module in model.named_modules() if isinstance(module, nn.Linear))
    every = ended(model, x, changes=[f"{path}: zero"])
    one = ended(model, x, changes=[f"{path} #2: zero"])
    assert torch.equal(one, with_hook(model, path, second, x))
    assert torch.equal(every, with_hook(model, path, torch.zeros_like, x))


class Edited(nn.Module):
    """Functions whose output is changed by an edit of the source: where `by_hand` names one."""

    def __init__(self, by_hand=""):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.gru = nn.GRU(3, 3, batch_first=True)
        self.by_hand = by_hand

    def forward(self, x):
        x = F.relu(self.fc(x))
        x = x * 0 + 0.5 if self.by_hand == "F.relu" else x
        view = x[:, :1]
        x += 1
        if self.by_hand == "+=":
            x.clamp_(0, 1)
        x.mul_(2)
        if self.by_hand == "x.mul_":
            x.zero_()
        x[:, 2] = 4
        if self.by_hand == "x[…] =":
            x[0, 2] = 9
        out, last = self.gru(x[:, None])
        last = last * 3 if self.by_hand == "gru" else last
        return torch.cat([out[:, 0], last[0], view], 1)


IN_FUNCTIONS = {
    "F.relu": "type:F.relu: = output * 0 + 0.5",
    "+=": "type:+=: clamp(0, 1)",
    "x.mul_": "type:x.mul_: zero",
    "x[…] =": "type:x[…] =: [0, 2] = 9",
    "gru": "gru: scale(3) @1",
}


@pytest.mark.parametrize("row", IN_FUNCTIONS)
def test_a_changed_function_gives_what_the_edited_source_gives(row):
    torch.manual_seed(4)
    model, x = Edited(), torch.randn(2, 3)
    plain, found = ended(model, x, changes=[]), ended(model, x, changes=[IN_FUNCTIONS[row]])
    by_hand = Edited(row)
    by_hand.load_state_dict(model.state_dict())
    with seeded_as_a_pass():
        assert torch.equal(found, by_hand(x))
    assert not torch.equal(found, plain)


class Named(dict):
    """A dictionary whose values are attributes too, as large libraries of models have them."""

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        setattr(self, name, value)


class Puts(nn.Module):
    def forward(self, x, kind):
        if kind == "named":
            out = Named()
            out["first"], out["second"] = x, x + 1
            return out
        return nn.utils.rnn.pack_padded_sequence(x, torch.tensor([2, 1]), batch_first=True)


class Takes(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.inner, self.kind = Puts(), kind

    def forward(self, x):
        if self.kind == "max":
            return x.max(1).values
        out = self.inner(x, self.kind)
        return out.first + out.second if self.kind == "named" else nn.utils.rnn.pad_packed_sequence(out)[0]


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("named", "inner: zero @1", lambda x: x),
        ("named", "inner: scale(2)", lambda x: 4 * x + 2),
        ("packed", "inner: zero", lambda x: torch.zeros(2, 2, 3)),
        ("max", "type:x.max: scale(2)", lambda x: 2 * x.max(1).values),
    ],
)
def test_outputs_of_many_kinds_keep_their_class(kind, change, expected):
    x = torch.randn(2, 2, 3)
    assert torch.allclose(ended(Takes(kind), x, changes=[change]), expected(x))


def test_the_output_of_another_run_takes_the_place_of_this_ones():
    model = loaded("lenet")
    settings = StepSettings(
        inputs=[parse_input("2x3x32x32")],
        seed=1,
        changes=["conv2: other"],
        other=OtherRun(seed=2),
        command="continue",
    )
    report = live(model).step_through(settings, silent).start()
    one, two = (torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    kept = []
    with_hook(model, "conv2", lambda output: kept.append(output), two)
    expected = with_hook(model, "conv2", lambda output: kept[0], one)
    assert report.state == "finished"
    assert report.outputs[0].text == str(expected)
    assert report.changes == ["conv2 (Conv2d): other"]


def test_arguments_are_changed_before_a_row():
    model = loaded("lenet")
    stepped = stepping(model, X, command="continue", breakpoints=["before conv2", "module:"])
    stepped.start()
    with pytest.raises(RequestError, match="after the row"):
        stepped.change(parse_change("other"))
    stepped.change(parse_change("scale(2)"))
    stepped.go("continue", None, silent)
    found = stepped.do(lambda here: here.output)
    stepped.go("continue", None, silent)
    handle = model.conv2.register_forward_pre_hook(lambda module, given: (given[0] * 2,))
    with torch.no_grad():
        expected = model(X)
    handle.remove()
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("[9, 0] = 1", "one index for each axis"),
        ("zero @3", "no tensor @3"),
        ("= output +", "no Python expression"),
        ("= nothing", "NameError"),
        ("other", "no other run"),
        ("file(/nowhere.pt)", r"^'file\(/nowhere.pt\)': /nowhere.pt: there is no such file"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_the_pass_still_waits(change, sentence):
    stepped = stepping(loaded("lenet"), X, command="continue", breakpoints=["fc1"])
    stepped.start()
    with pytest.raises(RequestError, match=sentence):
        stepped.change(parse_change(change))
    assert stepped.go("continue", None, silent).state == "finished"


def test_what_torch_does_not_do_to_a_tensor_is_refused():
    class Largest(nn.Module):
        def forward(self, x):
            return x.argmax(1)

    stepped = stepping(nn.Sequential(Largest()), torch.ones(2, 3), command="continue", breakpoints=["0"])
    stepped.start()
    with pytest.raises(RequestError, match="cannot be done to this output: value cannot be converted"):
        stepped.change(parse_change("[0] = nan"))


def test_a_standing_change_that_does_not_fit_ends_the_pass_with_its_sentence():
    stepped = stepping(loaded("lenet"), X, command="continue", changes=["fc1: [5] = 1"])
    with pytest.raises(RequestError, match="one index for each axis"):
        stepped.start()
    assert stepped.is_over
