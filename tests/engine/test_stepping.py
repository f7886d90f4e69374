"""Stepping through a forward: what is seen at the stops is what the model computes; afterwards nothing has changed."""

import contextlib
import copy
import random
import sys

import pytest
import torch
from live_models import live, silent
from stepped import hooked, output_at, stepping, stops_of
from torch import nn
from torch.nn import functional as F
from zoo import ZOO
from zoo_samples import SAMPLES, loaded, values_for

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.stops import StepReport, StepSettings
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.stepping.stepper import Here

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def same_bits(a, b):
    left, right = list(tensors_in(a)), list(tensors_in(b))
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other) or torch.equal(one.isnan(), other.isnan())


def uninterrupted(model, *args):
    """What each row puts out, in the order in which they finish, and the model's output."""
    rows = []
    recorder = Recorder(model, measure=lambda call, output: rows.append(copy.deepcopy(output)))
    return rows, real_pass(model, (list(args), {}), recorder, 0)


def assert_stops_are_the_run(model, *args):
    modules = hooked(model, *args)
    rows, output = uninterrupted(model, *args)
    stops = list(stops_of(stepping(model, *args), work=output_at))
    found = dict(stops)
    assert len(found) == len(stops) == len(rows)
    for name, one in modules.items():
        same_bits(found[name], one)
    for (_, at_stop), in_run in zip(stops, rows, strict=True):
        # An assignment to elements returns nothing; at the stop there is what it wrote into.
        if in_run is not None:
            same_bits(at_stop, in_run)
    same_bits(stops[-1][1], output)


@pytest.mark.parametrize("stem", sorted(SAMPLES))
def test_outputs_at_the_stops_of_every_sample_are_those_of_an_uninterrupted_run(stem):
    torch.manual_seed(3)
    assert_stops_are_the_run(loaded(stem), values_for(stem))


@pytest.mark.parametrize("name", sorted(name for name, one in ZOO.items() if one.raises is None and name != "lazy"))
def test_outputs_at_the_stops_of_the_zoo_are_those_of_torchs_own_hooks(name):
    model, args = ZOO[name].model(), ZOO[name].arguments()
    found = dict(stops_of(stepping(model, *args), work=output_at))
    for stop, output in hooked(ZOO[name].model(), *args).items():
        if stop in found:
            same_bits(found[stop], output)
    assert "after  0" in found


class Turns(nn.Module):
    """Calls through lambdas, generators, helpers and without gradients, writes in place, and catches exceptions."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.twice = nn.Linear(4, 4)
        self.wrong = nn.Linear(5, 4)
        self.drop = nn.Dropout(0.5)
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.norm = nn.BatchNorm1d(4)
        self.seen = []

    def outputs(self, x):
        for layer in self.layers:
            x = layer(x)
            yield x

    def forward(self, x):
        total = sum(out.mean() for out in self.outputs(x))
        x = (lambda inner: self.twice(F.relu(self.twice(inner))))(x)
        x[:, 0] = 0
        x += 1
        x.mul_(2)
        try:
            x = self.wrong(x)
        except RuntimeError:
            x = self.drop(x)
        with torch.no_grad():
            x = x + self.gru(x[:, None])[0][:, 0]
        self.seen.append(x)
        return {"out": self.norm(x), "total": total, "noise": torch.rand(2) + random.random()}


def turns():
    torch.manual_seed(1)
    return Turns().train()


def test_generators_lambdas_writes_in_place_and_caught_exceptions():
    model = turns()
    assert_stops_are_the_run(model, torch.randn(3, 4))
    names = [name for name, _ in stops_of(stepping(model, torch.randn(3, 4)))]
    assert [name for name in names if name.startswith(("after layers", "after twice", "after wrong"))] == [
        "after layers.0 0", "after layers.1 0", "after layers.2 0", "after twice 0", "after twice 1",
    ]  # fmt: skip


def test_the_encoder_layer_takes_the_same_way_whether_or_not_it_is_stepped_through():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    assert_stops_are_the_run(model, torch.randn(2, 3, 8))


def test_torchscript_is_one_step():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))

        def forward(self, x):
            return self.scripted(x) * 2

    model, x = Around(), torch.randn(2, 4)
    names = [name for name, _ in stops_of(stepping(model, x, command="into"), "into")]
    assert names == ["before  0", "after scripted 0", "after  * 0", "after  0"]


def state_of(model):
    return copy.deepcopy(model.state_dict()), len(model.seen), torch.get_rng_state(), random.getstate()


def assert_same_state(a, b):
    assert all(torch.equal(one, b[0][key]) for key, one in a[0].items())
    assert (a[1], a[3]) == (b[1], b[3])
    assert torch.equal(a[2], b[2])


@pytest.mark.parametrize("stops", [0, 1, 5, 14, None])
def test_wherever_it_is_left_the_model_and_random_numbers_are_as_before(stops):
    model, x, forward = turns(), torch.randn(3, 4), nn.Linear.forward
    before = state_of(model)
    stepped = stepping(model, x, changes=["twice: = output.fill_(7)", "type:x.mul_: zero"])
    answer, count = stepped.start(), 0
    while isinstance(answer, Here) and count != stops:
        # A worse change than any that is meant: of a parameter, in place.
        stepped.do(lambda here: model.twice.weight.detach().fill_(9))
        answer, count = stepped.go("row", None, lambda *_: None), count + 1
    if isinstance(answer, Here):
        answer = stepped.go("end", None, lambda *_: None)
    assert isinstance(answer, StepReport)
    assert answer.state == ("left" if stops is not None else "finished")
    assert stepped.is_over
    assert_same_state(before, state_of(model))
    assert nn.Linear.forward is forward
    assert not model.twice._forward_hooks


def test_a_model_that_catches_everything_is_left_all_the_same():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            for _ in range(3):
                with contextlib.suppress(BaseException):
                    x = self.fc(x)
            return x

    stepped = stepping(Stubborn(), torch.randn(1, 2))
    stepped.start()
    assert stepped.go("end", None, lambda *_: None).state == "left"
    assert stepped.is_over


COMMANDS = {
    "into": ["before  0", "before net 0", "after net.0 0", "before net.1 0", "after net.1.fc 0", "after net.1 0",
             "after net 0", "after  + 0", "after  0"],
    "over": ["before  0", "after  0"],
    "row": ["after net.0 0", "after net.1.fc 0", "after net.1 0", "after net 0", "after  + 0", "after  0"],
    "out": [],
    "continue": [],
}  # fmt: skip


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        inner = nn.Sequential()
        inner.fc = nn.Linear(2, 2)
        self.net = nn.Sequential(nn.Linear(2, 2), inner)

    def forward(self, x):
        return self.net(x) + 1


@pytest.mark.parametrize("command", COMMANDS)
def test_where_each_command_leads(command):
    first = "into" if command == "over" else command
    names = [name for name, _ in stops_of(stepping(Nested(), torch.randn(1, 2), command=first), command)]
    assert names == COMMANDS[command]


def test_over_passes_a_row_and_out_leaves_its_caller():
    stepped = stepping(Nested(), torch.randn(1, 2), command="into")
    places = [stepped.start(), *(stepped.go(command, None, lambda *_: None) for command in ["into", "over", "over"])]
    assert [(one.moment, one.call.path, one.call.type) for one in places] == [
        ("before", "", "Nested"), ("before", "net", "Sequential"), ("after", "net", "Sequential"), ("after", "", "+"),
    ]  # fmt: skip
    stepped.go("end", None, lambda *_: None)
    stepped = stepping(Nested(), torch.randn(1, 2), command="continue", breakpoints=["net.1.fc"])
    inner = stepped.start()
    assert inner.call.path == "net.1.fc"
    outer = [stepped.go("out", None, lambda *_: None) for _ in range(3)]
    assert [(one.moment, one.call.path) for one in outer] == [("after", "net.1"), ("after", "net"), ("after", "")]
    stepped.go("end", None, lambda *_: None)


BREAKPOINTS = {
    "layers.*": ["after layers.0 0", "after layers.1 0", "after layers.2 0"],
    "twice #2": ["after twice 1"],
    "before twice": ["before twice 0", "before twice 1"],
    "type:BatchNorm1d": ["after norm 0"],
    "type:relu": ["after  F.relu 0"],
    "module: if elements == 12": ["after  0"],
    "before gru if dims == 3 and shape[1] == 1": ["before gru 0"],
    "gru if shape[-1] == 4 and not shape[0] == 3": ["after gru 0"],
    "type:x.mul_ if min < -1e9": [],
    "type:x[…]* if zeros == 0.25": ["after  x[…] = 0"],
}


@pytest.mark.parametrize("text", BREAKPOINTS)
def test_where_a_breakpoint_holds(text):
    torch.manual_seed(2)
    stepped = stepping(turns(), torch.randn(3, 4), command="continue", breakpoints=[text])
    assert [name for name, _ in stops_of(stepped, "continue")] == BREAKPOINTS[text]


class Spoils(nn.Module):
    """Gives NaN after a square root, and an infinity before it."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        large = self.fc(x) * 1e30 * 1e30
        root = (x - x - 1).sqrt()
        return large, root


@pytest.mark.parametrize(
    ("text", "first"), [("nan", "after  x.sqrt 0"), ("inf", "after  * 1"), ("absmax > 1e4", "after  * 0")]
)
def test_the_first_row_with_a_condition(text, first):
    stepped = stepping(Spoils(), torch.ones(1, 2), command="continue", breakpoints=[text])
    assert next(stops_of(stepped, "end"))[0] == first


class CallsItself(nn.Module):
    """Without end."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.forward(self.layer(x))


def test_a_model_that_calls_itself_without_end_stops_where_it_fails():
    limit = sys.getrecursionlimit()
    model = live(CallsItself())
    stepped = model.step_through(StepSettings(inputs=[InputSpec(shape=[1, 4])], command="continue"), silent)
    report = stepped.start()
    assert report.stop.why == "failure"
    assert report.failure.type == "RecursionError"
    assert stepped.go("end", None, silent).state in ("left", "failed")
    assert sys.getrecursionlimit() == limit


def test_what_a_module_puts_out_cannot_become_none():
    model = live(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    settings = StepSettings(inputs=[InputSpec(shape=[1, 4])], command="continue", breakpoints=["0"])
    stepped = model.step_through(settings, silent)
    stepped.start()
    with pytest.raises(RequestError, match="cannot become None"):
        stepped.change("= None")
    assert stepped.look().stop.changes == []
    stepped.go("end", None, silent)
