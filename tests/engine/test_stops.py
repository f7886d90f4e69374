"""What a stop shows: rows, values, frames, the line; what can be evaluated there; where forward failed."""

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.recipe import InputSpec
from inspector.core.stops import StepSettings


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)

    def halves(self, x, scale=2):
        half = x / scale
        return self.fc(half)

    def forward(self, x, *, name="odd"):
        pair = (x, {"more": x + 1})
        return self.drop(self.halves(x)) + pair[1]["more"]


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = Block()
        self.second = Block()
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        for block in (self.first, self.second):
            x = block(x, name=type(block).__name__)
        return self.head(x)


def waiting(module, **settings):
    stepping = live(module).step_through(StepSettings(inputs=[InputSpec(shape=[3, 4])], **settings), silent)
    return stepping, stepping.start()


@pytest.fixture
def in_second():
    """A pass that waits after the layer inside the second block."""
    torch.manual_seed(0)
    stepping, report = waiting(Net(), command="continue", breakpoints=["second.fc"])
    yield stepping, report.stop
    stepping.go("end", None, silent)


def test_frames_go_from_the_helper_to_the_models_forward(in_second):
    frames = in_second[1].frames
    assert [(frame.function, frame.path) for frame in frames] == [
        ("halves", "second"), ("forward", "second"), ("forward", ""),
    ]  # fmt: skip
    lines = [frame.source.text for frame in frames]
    assert lines[0] == "return self.fc(half)"
    for frame, called in zip(
        frames, ["self.fc(half)", "self.halves(x)", "block(x, name=type(block).__name__)"], strict=True
    ):
        whole = frame.code.splitlines()[frame.source.line - frame.first_line]
        assert whole[slice(*frame.columns)] == called


def test_values_have_the_expressions_that_give_them(in_second):
    stepping, stop = in_second
    inner, outer = stop.frames[:2]
    assert [(one.name, one.shape, one.text) for one in inner.locals[1:]] == [
        ("x", [3, 4], ""), ("scale", None, "2"), ("half", [3, 4], ""),
    ]  # fmt: skip
    assert [one.name for one in outer.locals] == ["self", "x", "name", "pair[0]", "pair[1]['more']"]
    assert [one.text for one in outer.locals if one.name == "name"] == ["'Block'"]
    assert [one.name for one in stop.arguments] == ["input"]
    named = outer.locals[-1]
    found = stepping.evaluate(f"{named.name}.double().mean()", 1).values[0]
    assert found.statistics.mean == pytest.approx(named.statistics.mean, rel=1e-12)


def test_numbers_are_those_of_torch(in_second):
    stepping, stop = in_second
    numbers = stop.outputs[0].statistics
    found = stepping.evaluate("[float(output.min()), float(output.max()), float(output.double().mean())]", 0).text
    assert found == f"[{numbers.min}, {numbers.max}, {numbers.mean}]"


def test_an_expression_sees_the_frame_it_is_evaluated_in(in_second):
    stepping, _ = in_second
    assert stepping.evaluate("scale", 0).text == "2"
    assert stepping.evaluate("[scale * at for at in range(scale)]", 0).text == "[0, 2]"
    assert stepping.evaluate("name", 1).text == "'Block'"
    assert stepping.evaluate("block is self.second", 2).text == "True"
    assert stepping.evaluate("module is model.second.fc and args[0] is half", 0).text == "True"
    shown = stepping.evaluate("self.fc(half) - output", 0).values[0]
    assert (shown.shape, shown.statistics.max) == ([3, 4], 0)


@pytest.mark.parametrize(
    ("expression", "frame", "sentence"),
    [
        ("x + )", 0, "no Python expression at character"),
        ("x = 3", 0, "no Python expression"),
        ("name", 0, "NameError"),
        ("x @ x", 0, "raises RuntimeError: mat1"),
        ("x", 3, "there are 3, from 0"),
        ("x", -1, "there are 3, from 0"),
    ],
)
def test_an_expression_that_fails_is_a_sentence(in_second, expression, frame, sentence):
    with pytest.raises(RequestError, match=sentence):
        in_second[0].evaluate(expression, frame)


def test_random_numbers_that_an_expression_draws_are_drawn_again():
    torch.manual_seed(0)
    module = Net()
    outputs = []
    for look in (False, True):
        stepping = live(module, training=True).step_through(
            StepSettings(inputs=[InputSpec(shape=[3, 4])], command="continue", breakpoints=["second.fc"]), silent
        )
        stepping.start()
        if look:
            stepping.evaluate("torch.rand(3) + self.drop(x).sum()", 0)
        outputs.append(stepping.go("continue", [], silent).outputs[0].text)
    assert outputs[0] == outputs[1]


def test_rows_are_those_of_the_table():
    model = live(Net())
    rows = model.trace([InputSpec(shape=[3, 4])], silent).rows
    stepping = model.step_through(StepSettings(command="row"), silent)
    report, seen = stepping.start(), []
    while report.stop is not None:
        row = rows[report.stop.row.index]
        assert (row.path, row.type, row.call) == (report.stop.row.path, report.stop.row.type, report.stop.row.call)
        assert row.output_shapes == [one.shape for one in report.stop.outputs]
        seen.append(row.index)
        report = stepping.go("row", None, silent)
    assert sorted(seen) == list(range(len(rows)))


def test_a_failing_forward_waits_where_it_failed():
    stepping, report = waiting(Net(width=5), command="continue")
    stop = report.stop
    assert report.state == "stopped"
    assert (stop.why, stop.row.path, stop.depth) == ("failure", "head", 1)
    assert (stop.failure.type, stop.failure.path) == ("RuntimeError", "head")
    assert [one.shape for one in stop.arguments] == [[3, 4]]
    assert [(frame.function, frame.path, frame.source.text) for frame in stop.frames] == [
        ("forward", "", "return self.head(x)")
    ]
    assert stepping.evaluate("x.shape[1] + self.head.in_features", 0).text == "9"
    with pytest.raises(RequestError, match="no output to change"):
        stepping.change("zero")
    last = stepping.go("continue", None, silent)
    assert (last.state, last.failure, last.stop) == ("failed", stop.failure, None)
    assert stepping.is_over


def test_an_endless_recursion_fails_with_the_innermost_frames():
    class Endless(nn.Module):
        def again(self, x):
            return self.again(x)

        def forward(self, x):
            return self.again(x)

    stepping, report = waiting(Endless(), command="continue")
    assert report.stop.failure.type == "RecursionError"
    assert {frame.function for frame in report.stop.frames} == {"again"}
    assert stepping.go("end", None, silent).state == "failed"


def test_a_function_that_fails_is_the_row():
    class Fails(nn.Module):
        def forward(self, x):
            other = x.new_ones(7, 2)
            return torch.cat([x, other], 1)

    stepping, report = waiting(Fails(), command="continue")
    assert (report.stop.row.type, report.stop.row.is_function, report.stop.depth) == ("torch.cat", True, 1)
    assert [one.shape for one in report.stop.arguments] == [[3, 4], [7, 2], None]
    assert [one.name for one in report.stop.frames[0].locals] == ["self", "x", "other"]
    stepping.go("end", None, silent)


def test_cancelled_between_stops_the_pass_ends_and_the_model_is_as_before():
    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            while True:
                self.calls += 1
                try:
                    x = self.fc(x)
                except Exception:
                    x = x * 0

    module = Slow()
    stepping, report = waiting(module)
    assert report.stop.why == "start"

    def cancel(done, total, text):
        if done > 30:
            raise RequestCancelledError

    with pytest.raises(RequestCancelledError):
        stepping.go("continue", None, cancel)
    assert stepping.is_over
    assert float(module.calls) == 0


def test_what_the_model_prints_of_itself_may_fail():
    class Odd:
        def __repr__(self):
            raise ZeroDivisionError

    class Holds(nn.Module):
        def forward(self, x):
            odd, many = Odd(), list(range(100_000))
            return x + len(many) + (odd is None)

    stepping, report = waiting(Holds(), command="row")
    texts = {one.name: one.text for one in report.stop.frames[0].locals}
    assert "Odd instance at" in texts["odd"]
    assert len(texts["many"]) < 300
    stepping.go("end", None, silent)


def test_breakpoints_of_no_module_are_refused_before_anything_runs():
    with pytest.raises(RequestError, match="did you mean second"):
        waiting(Net(), breakpoints=["secnd"])
    with pytest.raises(RequestError, match="no module"):
        waiting(Net(), changes=["nowhere: zero"])
