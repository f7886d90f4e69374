"""`summary`, `check` and `trace` on live objects: true, harmless, and the same documents as the command line's."""

import asyncio
import copy
import json
import random
import re
from html.parser import HTMLParser

import numpy
import pytest
import rich.console
import torch
from networks import Logarithm, Normed, OfPairs, Pair
from torch import nn

import inspector
from inspector.cli.main import run
from inspector.engine import held_arguments
from inspector.report.html import COLOURS
from inspector.worker.given_inputs import is_passing, written_specs


@pytest.fixture
def image():
    return {"image": torch.randn(4, 3, 16, 16), "label": "a cat"}


def state_of(model):
    """All of a model that looking at it could change."""
    return (
        {key: value.clone() for key, value in model.state_dict().items()},
        [module.training for module in model.modules()],
        [None if one.grad is None else one.grad.clone() for one in model.parameters()],
        [(one.requires_grad, one.device, one.data_ptr()) for one in model.parameters()],
        [{name: len(value) for name, value in vars(module).items() if "hooks" in name} for module in model.modules()],
    )


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "look",
    [
        inspector.summary,
        inspector.check,
        inspector.trace,
        lambda *args, **options: inspector.trace(*args, backward=True, **options),
        lambda *args, **options: inspector.summary(*args, memory=True, **options),
    ],
    ids=["summary", "check", "trace", "backward", "memory"],
)
def test_looking_leaves_the_model_the_inputs_and_the_random_state_alone(look, training, image):
    model = Normed().train(training)
    model.drop.eval()
    model.fc.weight.grad = torch.ones_like(model.fc.weight)
    model.conv.register_forward_hook(lambda *_: None)
    before, given = state_of(model), copy.deepcopy(image)
    generators = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    look(model, image, kwargs={"doubled": True})
    assert equal(state_of(model), before)
    assert equal(image, given)
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert (random.getstate(), numpy.random.get_state()[1].tolist()) == generators[1:]


def test_trace_runs_on_the_very_tensors_that_are_given(image):
    model = Normed().eval()
    result = inspector.trace(model, image, 3.0, kwargs={"doubled": True})
    with torch.no_grad():
        expected = model(image, 3.0, doubled=True)
    (output,) = result.outputs
    assert output.shape == [4, 2]
    assert output.statistics.mean == pytest.approx(expected.mean().item(), rel=1e-5)
    assert output.statistics.max == pytest.approx(expected.max().item(), rel=1e-5)


def test_an_argument_of_the_callers_own_class_stays_one():
    result = inspector.summary(OfPairs(), Pair(torch.ones(2, 4), torch.ones(2, 4)))
    assert result.failure is None
    assert [(one.name, one.shape) for one in result.table.inputs] == [("pair.left", [2, 4]), ("pair.right", [2, 4])]


def test_without_inputs_they_are_worked_out_and_a_text_is_a_spec():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 3)).eval()
    assert inspector.summary(model).table.inputs[0].shape == [1, 1, 8, 8]
    assert inspector.summary(model, "5x1x8x8").table.outputs[0].shape == [5, 3]


def test_the_first_nan_is_where_it_is_made():
    result = inspector.trace(Logarithm(), torch.tensor([[1.0, 2.0, -1.0, 3.0]]))
    assert result.first_nonfinite.source.text == "return self.fc(torch.log(x))"
    counts = {row.name: run.statistics.nan for row, run in result.rows if row.kind == "function"}
    assert counts == {"torch.log": 1}


def test_the_parameters_gradients_are_those_of_autograd_and_are_not_left_behind():
    model = nn.Linear(3, 2)
    result = inspector.trace(model, torch.randn(5, 3), backward=True)
    assert {one.key for one in result.gradients if one.gradient is not None} == {"weight", "bias"}
    assert model.weight.grad is None


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_modes_around_the_call_make_no_difference(around):
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(5, 3)
    with around():
        inside = inspector.trace(model, torch.randn(5, 3), backward=True)
        found = inspector.check(model, x).to_dict()
        assert not torch.is_grad_enabled()
    assert all(one.gradient is not None for one in inside.gradients)
    assert found == inspector.check(model, x).to_dict()


def test_autograd_of_the_caller_is_left_alone():
    leaf = torch.randn(2, 3, requires_grad=True)
    inspector.trace(nn.Linear(3, 2), leaf * 2, backward=True)
    assert leaf.grad is None


def test_a_forward_that_fails_is_a_result_with_the_reason():
    result = inspector.summary(nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2)), torch.ones(1, 3))
    assert result.failure.path == "1"
    assert "forward fails in 1" in str(result)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: inspector.summary(Normed), r"Normed is a class, not a model: give an object, Normed\(…\)"),
        (lambda: inspector.summary(3), "int is no model: give a torch.nn.Module, or a TARGET"),
        (lambda: inspector.summary(nn.Linear(1, 1), weights="w.pt"), "weights= is for a TARGET; this model is alive"),
        (lambda: inspector.trace(nn.Linear(1, 1), bakward=True), "there is no argument bakward="),
        (lambda: inspector.summary(nn.Linear(1, 1), kwargs=[1]), r"kwargs= is to be a dictionary .*given was \[1\]"),
        (lambda: inspector.summary(nn.Linear(1, 1), kwargs={1: 2}), "kwargs= has 1 for a name"),
        (lambda: inspector.trace(nn.Linear(1, 1), seed="a"), "seed= is to be a whole number from .*given was 'a'"),
        (lambda: inspector.summary("sample_models/lenet.py", args={"num_classes": 7}), "args= is to be a text"),
        (lambda: inspector.check(nn.Linear(1, 1), select=["NN999"]), "there is no such rule"),
        (lambda: inspector.check(nn.Linear(1, 1), select="NN1,NN999"), "^select NN999: there is no such rule"),
        (lambda: inspector.summary("sample_models/lenet.py", args=None), "args= is to be a text.*given was None"),
        (lambda: inspector.trace(nn.Linear(1, 1), seed=2**70), "seed= is to be a whole number from -.*given was 118"),
        (lambda: inspector.trace(nn.Linear(1, 1), seed=None), "seed= is to be a whole number from -.*given was None"),
        (lambda: inspector.summary("\udcff.py"), r"'\\udcff\.py' is not text"),
        (lambda: inspector.trace(nn.Linear(1, 1), kwargs={"\udcff": 1}), r"'\\udcff' is not text"),
        (lambda: inspector.summary("/nowhere/net.py"), "/nowhere/net.py"),
        (lambda: inspector.summary("sample_models/lenet.py", object()), "input 1 is a object, which cannot be sent"),
        (lambda: inspector.explore(nn.Linear(1, 1)), "explore\\(\\) needs a terminal"),
    ],
    ids=[
        "class",
        "number",
        "weights",
        "unknown",
        "kwargs",
        "names",
        "seed",
        "args",
        "rule",
        "rules",
        "no args",
        "large seed",
        "no seed",
        "file that is no text",
        "name that is no text",
        "missing",
        "object",
        "terminal",
    ],
)
def test_what_cannot_be_done_is_one_exception_with_one_sentence(call, sentence):
    with pytest.raises(inspector.RequestError, match=sentence) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_inputs_that_are_refused_are_not_held():
    with pytest.raises(inspector.RequestError, match="is not an input"):
        inspector.summary(nn.Linear(1, 1), torch.ones(1), "1xx3")
    assert held_arguments._held == {}


def test_each_input_for_another_process_has_a_file_of_its_own(tmp_path):
    specs = written_specs([torch.zeros(1), torch.ones(1)], {"input": torch.ones(1) * 2, "steps": 5}, tmp_path)
    assert [spec.name for spec in specs] == ["", "", "input", "steps"]
    assert [torch.load(spec.file).item() for spec in specs[:3]] == [0, 1, 2]
    assert specs[3].value == "5"
    assert [is_passing(spec) for spec in specs[2:]] == [False, False]


def test_the_text_is_whole_also_in_a_notebook_and_where_colours_are_forced(monkeypatch):
    result = inspector.summary(nn.Linear(2, 3), "1x2")
    expected = str(result)
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "Linear" in expected
    assert str(result) == expected


def test_code_that_leaves_the_program_does_not(capsys):
    class Leaving(nn.Module):
        def forward(self, x):
            raise SystemExit(3)

    with pytest.raises(inspector.RequestError, match=r"sys.exit\(3\)"):
        inspector.trace(Leaving(), torch.ones(1))


def test_ctrl_c_in_a_pass_is_the_callers():
    class Interrupted(nn.Module):
        def forward(self, x):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspector.trace(Interrupted(), torch.ones(1))


@pytest.mark.slow
def test_a_target_gives_the_document_of_the_command_line(capsys):
    assert run(["summary", "sample_models/lenet.py", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert inspector.summary("sample_models/lenet.py").to_dict() == printed


@pytest.mark.slow
def test_a_target_takes_tensors_also_where_a_loop_runs():
    x = torch.randn(3, 3, 32, 32)

    async def in_a_notebook():
        return inspector.trace("sample_models/lenet.py", x, weights="sample_models/lenet.params")

    result = asyncio.run(in_a_notebook())
    assert result.table.inputs[0].shape == [3, 3, 32, 32]
    assert result.outputs[0].shape == [3, 10]


def test_a_file_of_weights_is_summarised_and_checked(tmp_path):
    torch.save({"fc.weight": torch.tensor([[1.0, float("nan")]])}, tmp_path / "w.pt")
    assert inspector.summary(tmp_path / "w.pt").tensors[0].key == "fc.weight"
    assert "NN402" in [one.rule for one in inspector.check(tmp_path / "w.pt").findings]


@pytest.mark.slow
def test_a_live_object_and_its_own_file_have_the_same_rows(tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\nmodel = nn.Sequential(nn.Linear(3, 4), nn.ReLU())\n")
    live = inspector.summary(nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval(), "2x3").to_dict()
    named = inspector.summary(tmp_path / "net.py", "2x3").to_dict()
    assert live["rows"] == named["rows"]
    assert live["tensors"] == named["tensors"]


class Read(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


AWKWARD = '<script>alert("1")</script> [bold red] & [/]'


def test_names_are_shown_as_they_are_in_html_and_in_a_terminal():
    model = nn.Sequential()
    model.add_module(AWKWARD, nn.Linear(2, 2))
    for result in (inspector.summary(model, torch.ones(1, 2)), inspector.trace(model, torch.ones(1, 2))):
        page = Read(result._repr_html_())
        assert AWKWARD in page.text
        assert "script" not in page.tags
        console = rich.console.Console(width=300, color_system=None)
        with console.capture() as captured:
            console.print(result)
        assert AWKWARD in captured.get()


def test_html_has_every_row_that_the_text_has(image):
    result = inspector.summary(Normed(), image)
    page = Read(result._repr_html_())
    assert page.tags.count("tr") == 1 + len(result.rows)
    assert "2×3" not in page.text
    assert "4×8×14×14" in page.text
    assert repr(result) == str(result).rstrip("\n")


def luminance(colour):
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", COLOURS)
def test_colours_in_html_are_legible_on_light_and_dark_pages(name):
    anywhere, on_dark = COLOURS[name]
    assert re.fullmatch("#[0-9a-f]{6}", anywhere)
    assert contrast(anywhere, "#ffffff") >= 3
    assert contrast(anywhere, "#111111") >= 3
    assert contrast(on_dark, "#111111") >= 7
