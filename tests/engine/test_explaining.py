"""Planted bugs: path and line of each are found, and the first fix, applied as it stands, makes the network run."""

import re

import pytest
import torch
from planted_bugs import BUGS
from torch import nn

from inspector.core.recipe import Recipe, parse_input
from inspector.engine.drawing_inputs import draw_inputs
from inspector.engine.pytorch.failing import describe_failure
from inspector.engine.pytorch.opening import open_module
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import meta_pass, real_pass
from inspector.engine.pytorch.tracing import example_input


def failure_of(source, inputs, training, folder, forward):
    """What is told of a network that fails."""
    file = folder / "net.py"
    file.write_text(source)
    model = open_module(Recipe(target=f"{file}:Net")).model.train(training)
    recorder = Recorder(model)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever torch or the network raises
        forward(model, drawn(inputs), recorder)
    return describe_failure(raised.value, model, recorder, [parse_input(spec) for spec in inputs])


def on_meta(model, arguments, recorder):
    """The pass that does no arithmetic."""
    meta_pass(model, arguments, recorder, "cpu", 0)


def for_real(model, arguments, recorder):
    """The pass that does."""
    real_pass(model, arguments, recorder, 0)


def drawn(inputs):
    """Positional and named tensors for inputs as they are typed."""
    specs = [parse_input(spec) for spec in inputs]
    tensors = draw_inputs(specs, 0)
    named = {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True) if spec.name}
    return [tensor for spec, tensor in zip(specs, tensors, strict=True) if not spec.name], named


def applied(fix, source):
    """The source with the edits of a fix."""
    lines = source.splitlines()
    for edit in sorted(fix.edits, key=lambda edit: -edit.line):
        before = edit.before.splitlines()
        assert lines[edit.line - 1 : edit.line - 1 + len(before)] == before
        lines[edit.line - 1 : edit.line - 1 + len(before)] = edit.after.splitlines()
    return "\n".join(lines)


def run(fix, source, inputs, training):
    """Run the network with the fix, by torch alone."""
    names = {"__name__": "net"}
    exec(compile(applied(fix, source), "net.py", "exec"), names)
    model = names["Net"]().train(training)
    if fix.statement:
        exec(fix.statement, {"model": model, "nn": nn, "torch": torch})
    told = re.findall(r"--input '([^']+)'", fix.text)
    positional, named = drawn(told if told and not fix.edits and not fix.statement else inputs)
    with torch.no_grad():
        model(*positional, **named)


def line_that_fails(bug):
    return next(number for number, text in enumerate(bug.source.splitlines(), 1) if text.endswith("# FAILS"))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_placed_explained_and_mended(bug, tmp_path):
    failure = failure_of(bug.source, bug.inputs, bug.training, tmp_path, for_real)
    assert (failure.path, failure.source.line) == (bug.path, line_that_fails(bug))
    assert failure.source.file == str(tmp_path / "net.py")
    assert failure.expression in bug.source
    assert failure.explanation
    assert failure.suggestions == [fix.text for fix in failure.fixes]
    run(failure.fixes[0], bug.source, bug.inputs, bug.training)


class Layered(nn.Module):
    """Its layer is called in a lambda, in a comprehension, in a function inside a function."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 2)
        self.call = lambda x: self.fc(x)

    def forward(self, x):
        def each(parts):
            return [self.call(part) for part in parts]

        return each([x])


class Refusing(nn.Module):
    """Checks its input itself."""

    def forward(self, x):
        if x.shape[1] != 7:
            raise ValueError("bad width")
        return x


WITHOUT_LINES = {}
exec(
    "from torch import nn\n"
    "class Net(nn.Module):\n"
    "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(5, 2)\n"
    "    def forward(self, x):\n        return self.fc(x)\n",
    WITHOUT_LINES,
)


@pytest.mark.parametrize(
    ("make", "path", "line", "told"),
    [
        (Layered, "fc", "self.call = lambda x: self.fc(x)", "takes 5 features"),
        (Refusing, "", 'raise ValueError("bad width")', "x.shape[1] = 4"),
        (WITHOUT_LINES["Net"], "fc", None, "takes 5 features"),
        (lambda: nn.Sequential(nn.DataParallel(nn.Sequential(nn.Linear(5, 2)))), "0.module.0", None, "takes 5"),
        (lambda: torch.jit.script(nn.Sequential(nn.Linear(5, 2))), "", None, "TorchScript"),
    ],
    ids=["lambda", "own check", "no source", "DataParallel", "TorchScript"],
)
def test_the_line_is_the_innermost_of_the_models_own(make, path, line, told):
    model = make()
    recorder = Recorder(model)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever the network raises
        for_real(model, drawn(["2x4"]), recorder)
    failure = describe_failure(raised.value, model, recorder)
    assert failure.path == path
    assert (failure.source.text if failure.source else None) == line
    assert told in failure.explanation


def test_a_table_is_made_for_all_that_the_input_may_ask_for():
    model = nn.Sequential(nn.Embedding(5000, 4))
    recorder = Recorder(model)
    spec = parse_input("2x16:int64~range(0,30522)")
    with pytest.raises(IndexError) as raised:
        for_real(model, drawn([str(spec)]), recorder)
    failure = describe_failure(raised.value, model, recorder, [spec])
    assert failure.fixes[0].statement == "model[0] = nn.Embedding(30522, 4)"


def test_a_squeeze_is_mended_for_any_batch(tmp_path):
    bug = next(bug for bug in BUGS if bug.name == "a squeeze that took the batch")
    failure = failure_of(bug.source, bug.inputs, bug.training, tmp_path, for_real)
    assert ".flatten(1)" in failure.fixes[0].edits[0].after
    run(failure.fixes[0], bug.source, ["3x3x8x8"], bug.training)


def test_the_operands_name_what_a_layer_in_a_sequential_was_given():
    model = nn.Sequential(nn.Embedding(9, 4), nn.LSTM(8, 8, batch_first=True), nn.BatchNorm1d(3))
    for inputs, path in ((["2x5:int64"], "1"), (["2x5"], "2")):
        part = model if path == "1" else nn.Sequential(*[nn.Identity()] * 2, model[2])
        recorder = Recorder(part)
        with pytest.raises(RuntimeError) as raised:
            for_real(part, drawn(inputs), recorder)
        assert describe_failure(raised.value, part, recorder).operands[0].text == f"the input of {path}"


@pytest.mark.parametrize(
    ("layer", "example"),
    [
        (nn.Embedding(50, 4), "1x16:int64~range(0,50)"),
        (nn.Conv1d(2, 4, 3), "1x2x1000"),
        (nn.Conv2d(3, 4, 3), "1x3x224x224"),
        (nn.LSTM(6, 4), "1x16x6"),
        (nn.Linear(7, 4), "1x7"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else value,
)
def test_the_example_of_an_input_is_one_for_the_first_layer(layer, example):
    assert example_input(nn.Sequential(nn.ReLU(), layer, nn.Linear(4, 4))) == example


SHAPES_ALONE = ["flatten size", "view size", "channels of a convolution", "cat of branches", "residual in a stack"]


@pytest.mark.slow  # torch imports its compiler for the first convolution on meta
@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in SHAPES_ALONE], ids=lambda bug: bug.name)
def test_a_pass_without_arithmetic_tells_the_same(bug, tmp_path):
    failure = failure_of(bug.source, bug.inputs, bug.training, tmp_path, on_meta)
    for_comparison = failure_of(bug.source, bug.inputs, bug.training, tmp_path, for_real)
    assert (failure.explanation, failure.fixes) == (for_comparison.explanation, for_comparison.fixes)
