"""A PyTorch module as a live model: what passes tell, what they leave alone, what edits change and undo."""

import copy
import random

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inspector.core.edits import Edit
from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.memory import MemorySettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened
from inspector.engine.session import Session


def silent(done, total, text):
    """Progress nobody watches."""


def live(module, **recipe):
    recipe = Recipe(target="net.py", **recipe)
    module.train(recipe.training)
    return TorchModel(recipe, Opened(module, "Net", lambda seed: copy.deepcopy(module)))


class Busy(nn.Module):
    """Changes what a model can change while it runs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.frozen = nn.BatchNorm2d(4).eval()
        self.seen = []
        self.count = 0
        self.plain = torch.zeros(2)

    def forward(self, x):
        self.seen.append(x.shape)
        self.count += 1
        self.last = x
        self.plain.add_(1)
        random.random()
        return self.frozen(self.norm(self.conv(x))) + torch.rand(1)


@pytest.mark.parametrize("work", ["trace", "forward", "backward", "clone", "memory", "memory in bfloat16"])
def test_looking_changes_nothing(work):
    module = Busy()
    model = live(module)
    module.train()
    module.frozen.eval()
    module.conv.weight.grad = torch.ones_like(module.conv.weight)
    gradient = module.conv.weight.grad
    before = copy.deepcopy(module.state_dict())
    attributes = {path: set(vars(part)) for path, part in module.named_modules()}
    states = torch.get_rng_state(), random.getstate()
    given = [InputSpec(shape=[2, 3, 8, 8])]
    if work == "trace":
        model.trace(given, silent)
    elif work == "clone":
        model.compare_clone(given, 0, silent)
    elif work.startswith("memory"):
        dtype = "bfloat16" if work.endswith("bfloat16") else None
        assert model.memory(MemorySettings(inputs=given, dtype=dtype, batch=3), silent).training is not None
    else:
        report = model.forward(given, 0, work == "backward", silent)
        assert report.table.failure is None
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert (module.training, module.frozen.training, module.seen, module.count) == (True, False, [], 0)
    assert module.plain.tolist() == [0, 0]
    assert {path: set(vars(part)) for path, part in module.named_modules()} == attributes
    assert module.conv.weight.grad is gradient
    assert gradient.eq(1).all()
    assert module.conv.bias.grad is None
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_forward_agrees_with_torch():
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    report = live(module).forward([InputSpec(shape=[3, 4])], 7, False, silent)
    given = torch.randn(3, 4, generator=torch.Generator().manual_seed(7))
    hidden = module[1](module[0](given))
    found = {row.path: run.statistics for row, run in zip(report.table.rows, report.runs, strict=True)}
    assert found["1"].mean == pytest.approx(float(hidden.double().mean()))
    assert found["1"].zeros == pytest.approx(float((hidden == 0).double().mean()))
    assert found["2"].std == pytest.approx(float(module(given).detach().double().std()))
    assert report.outputs[0].text == str(module(given).detach())


def test_gradients_agree_with_autograd():
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    module[0].bias.requires_grad_(False)
    report = live(module).forward([InputSpec(shape=[3, 4])], 5, True, silent)
    given = torch.randn(3, 4, generator=torch.Generator().manual_seed(5))
    output = module(given)
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(5))
    wanted = torch.autograd.grad((output * direction).sum(), module[0].weight)[0]
    found = {gradient.key: gradient for gradient in report.gradients}
    assert found["0.weight"].gradient.max == pytest.approx(float(wanted.max()))
    assert found["0.weight"].gradient.mean == pytest.approx(float(wanted.mean()), abs=1e-6)
    assert found["0.bias"].gradient is None
    assert "frozen" in found["0.bias"].gradient_note
    hidden = module[0](given)
    active = module[1](hidden)
    reaching = torch.autograd.grad((module[2](active) * direction).sum(), [hidden, active])
    norms = {row.path: run.gradient_norm for row, run in zip(report.table.rows, report.runs, strict=True)}
    assert norms["0"] == pytest.approx(float(reaching[0].norm()))
    assert norms["1"] == pytest.approx(float(reaching[1].norm()))
    assert norms["2"] == norms[""] == pytest.approx(float(direction.norm()))


def test_the_first_nonfinite_row_is_where_it_begins():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fine = nn.Identity()
            self.after = nn.Identity()

        def forward(self, x):
            return self.after(torch.log(self.fine(x) - 10))

    report = live(Net()).forward([InputSpec(shape=[2, 3])], 0, False, silent)
    first = report.first_nonfinite
    assert (first.path, first.call) == ("", 0)
    assert "torch.log" in first.source.text


def test_progress_names_the_call_that_ended_last():
    module = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    ended = []
    for path, part in module.named_modules():
        part.register_forward_hook(lambda part, args, output, path=path: ended.append(f"{path or 'model'} "))
    texts = []

    def watch(done, total, text):
        if text.startswith("after"):
            texts.append(text)
            assert done == len(texts)

    live(module).forward([InputSpec(shape=[3, 4])], 0, False, watch)
    last = ended[-len(texts) :]
    assert last == ["0 ", "1.0 ", "1.1 ", "1 ", "model "]
    assert [text.startswith(f"after {path}") for text, path in zip(texts, last, strict=True)] == [True] * 5


def test_memory_that_nobody_has_written_has_no_numbers():
    class Net(nn.Module):
        def forward(self, x):
            room = torch.empty_like(x)
            torch.empty(3), x.new_empty(2), torch.empty_strided((2,), (1,))
            room[:] = x
            return room / 0

    # torch writes NaN into what it does not initialise, so that a test can see it.
    torch.use_deterministic_algorithms(True)
    try:
        report = live(Net()).forward([InputSpec(shape=[2, 3])], 0, False, silent)
    finally:
        torch.use_deterministic_algorithms(False)
    runs = {row.type: run for row, run in zip(report.table.rows, report.runs, strict=True)}
    for name in ("torch.empty_like", "torch.empty", "x.new_empty", "torch.empty_strided"):
        assert runs[name].seconds is not None
        assert runs[name].statistics is None
    assert report.first_nonfinite.source.text == "return room / 0"


@pytest.mark.slow
def test_a_failed_forward_keeps_the_rows_and_tells_operands():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 5)
            self.b = nn.Linear(6, 2)

        def forward(self, x):
            hidden = self.a(x)
            return self.b(hidden)

    table = live(Net()).trace([InputSpec(shape=[3, 4])], silent)
    failure = table.failure
    assert failure.path == "b"
    assert failure.source.text == "return self.b(hidden)"
    assert failure.input_shapes == [[3, 5]]
    assert ("hidden", [3, 5]) in [(operand.text, operand.shape) for operand in failure.operands]
    assert "6 features" in failure.explanation
    reached = {row.path: row.reached for row in table.rows}
    assert reached["a"]
    assert not reached["b"]


class Spectral(nn.Module):
    """Its first parameter is complex, its input real."""

    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.ones(3, 16, 9, dtype=torch.complex64))
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(torch.fft.irfft2(torch.fft.rfft2(x) * self.filter, s=x.shape[-2:]))


@pytest.mark.parametrize(
    ("module", "dtype"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).half(), torch.float16),
        (nn.Linear(8, 8).bfloat16(), torch.bfloat16),
        (nn.Conv1d(2, 4, 3).double(), torch.float64),
        (nn.Linear(8, 8, dtype=torch.complex64), torch.complex64),
        (Spectral(), torch.float32),
        (nn.Embedding(7, 3).half(), torch.int64),
    ],
)
def test_an_inferred_input_has_the_dtype_that_the_model_runs_on(module, dtype):
    table = live(module).trace([], silent)
    assert table.failure is None
    assert table.inputs[0].dtype == str(dtype).removeprefix("torch.")
    assert table.outputs[0].shape == list(module(torch.zeros(table.inputs[0].shape, dtype=dtype)).shape)


@pytest.mark.parametrize("width", [8, 4000])
@pytest.mark.parametrize("layer", [nn.Linear, lambda width, _: nn.Conv1d(3, 2, 3)])
def test_an_input_of_another_dtype_fails_as_torch_does(layer, width):
    module = layer(width, 4).half()
    with pytest.raises((RuntimeError, ValueError)) as expected:
        module(torch.zeros(500, 3, width))
    failure = live(module).trace([InputSpec(shape=[500, 3, width])], silent).failure
    assert failure.message == str(expected.value).splitlines()[0]
    assert {operand.dtype for operand in failure.operands} == {"float16", "float32"}
    assert "float16 and float32" in failure.explanation


@pytest.mark.slow
def test_a_failing_call_tells_its_own_operands_only():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 5)
            self.second = nn.Linear(5, 6)

        def forward(self, x):
            return self.second(self.first(x)) @ x.new_ones(7, 3)

    on_meta = Net()
    on_meta.unused = nn.Linear(4000, 4000)
    for module in (Net(), on_meta):
        failure = live(module).trace([InputSpec(shape=[2000, 4])], silent).failure
        assert [operand.shape for operand in failure.operands] == [[2000, 6], [7, 3]]


def test_control_flow_on_values_is_run_for_real_and_said():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = nn.Linear(4000, 4000)

        def forward(self, x):
            return self.wide(x) if x.sum().item() > -1e9 else x

    table = live(Net()).trace([InputSpec(shape=[200, 4000])], silent)
    assert table.failure is None
    assert table.outputs[0].shape == [200, 4000]
    assert "real-pass" in [note.code for note in table.notes]


def test_edits_are_taken_back_and_made_again_to_the_bit():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    session = Session(live(module))
    before = copy.deepcopy(module.state_dict())
    edits = [
        Edit(action="initialise", where="0.weight", argument="orthogonal_", seed=3),
        Edit(action="set_element", where="1.bias", argument="2.5", index=[1]),
        Edit(action="mode", where="1", argument="train"),
        Edit(action="place", where="", argument="meta"),
    ]
    states = []
    for edit in edits:
        session.apply(edit)
        states.append((module[0].weight.device.type, module[1].training))
    assert states[-1] == ("meta", True)
    assert module[1].weight is module[0].weight
    for _ in edits:
        session.undo()
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert module[1].weight is module[0].weight
    assert not module[1].training
    with pytest.raises(RequestError, match="nothing to undo"):
        session.undo()
    session.redo()
    session.redo()
    assert torch.allclose(module[0].weight @ module[0].weight.T, torch.eye(4), atol=1e-5)
    assert module[1].bias[1] == 2.5


class Compiles(nn.Module):
    """Compiles a part of itself, one of its own methods, and nothing of the rest."""

    def __init__(self):
        super().__init__()
        self.part = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), backend="eager")
        self.last = nn.Linear(4, 2)

    @torch.compile
    def bend(self, x):
        return x.tanh()

    def forward(self, x):
        return self.last(self.bend(self.part(x)))


@pytest.mark.parametrize(
    "compiled",
    [
        Compiles(),
        torch.compile(nn.Sequential(nn.Linear(4, 3), nn.ReLU())),
        nn.DataParallel(torch.compile(nn.Linear(4, 3))),
    ],
)
def test_a_compiled_model_runs_as_torch_runs_it_uncompiled(compiled, capfd):
    model = live(compiled)
    table = model.trace([], silent)
    report = model.forward([InputSpec(shape=[3, 4])], 7, True, silent)
    given = torch.randn(3, 4, generator=torch.Generator().manual_seed(7))
    with torch.compiler.set_stance("force_eager"), torch.no_grad():
        expected = compiled.module._orig_mod(given) if isinstance(compiled, nn.DataParallel) else compiled(given)
    assert table.failure is None
    assert [(one.name, one.shape) for one in table.inputs] in ([("x", [1, 4])], [("input", [1, 4])])
    assert report.outputs[0].text == str(expected)
    assert all(row.reached for row in report.table.rows)
    assert all(gradient.gradient_note is None for gradient in report.gradients)
    assert capfd.readouterr().err == ""


def test_a_clone_that_differs_is_told():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden_state = torch.randn(3)

        def forward(self, x):
            return x + self.hidden_state

    module = Net()
    recipe = Recipe(target="net.py")
    model = TorchModel(recipe, Opened(module, "Net", lambda seed: Net()))
    report = model.compare_clone([InputSpec(shape=[2, 3])], 0, silent)
    assert not report.equal
    assert report.max_abs > 0
    whole = live(nn.Linear(3, 2)).compare_clone([InputSpec(shape=[2, 3])], 0, silent)
    assert whole.equal
    assert whole.max_abs == 0


class Hides(nn.Module):
    """Does not let its parts be reached as attributes, nor by its own way of looking for them."""

    def __init__(self):
        super().__init__()
        self.add_module("inner", nn.Linear(4, 3))

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return super().__getattr__(name)

    def get_submodule(self, target):
        raise RuntimeError("no")

    def forward(self, x):
        return self._modules["inner"](x)


def test_parts_that_a_model_hides_are_there():
    module = Hides()
    model = live(module)
    table = model.trace([InputSpec(shape=[2, 4])], silent)
    assert [(row.path, row.output_shapes) for row in table.rows] == [("", [[2, 3]]), ("inner", [[2, 3]])]
    for key in model.explain([]):
        assert torch.equal(eval(key.expression, {"model": module}), module.state_dict()[key.key])
    assert model.values("inner.bias", "", 3).rows == [pytest.approx(module._modules["inner"].bias.tolist())]


def test_a_device_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(RequestError, match=r"cuda:17.*cpu"):
        Session(live(nn.Linear(2, 2))).apply(Edit(action="place", where="", argument="cuda:17"))


def test_devices_have_the_names_that_torch_knows():
    module = nn.Linear(2, 2)
    for name in ("CPU", "cpu:0", "cpu"):
        Session(live(module)).apply(Edit(action="place", where="", argument=name))
        assert module.weight.device == torch.ones(1).to(name.lower()).device


@pytest.mark.parametrize(
    "module", [nn.ModuleList([nn.Linear(2, 2)]), nn.ModuleDict({"w": nn.Linear(2, 2)}), nn.Module()]
)
def test_a_model_without_forward_is_shown_and_not_run(module):
    with pytest.raises(NotImplementedError):
        module(torch.ones(2))
    table = live(module).trace([], silent)
    assert "no-forward" in [note.code for note in table.notes]
    assert table.failure is None
    assert not any(row.reached for row in table.rows)
    with pytest.raises(RequestError, match="defines no forward"):
        live(module).forward([InputSpec(shape=[2])], 0, False, silent)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_moving_to_a_gpu_and_back():
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    session = Session(live(module))
    before = copy.deepcopy(module.state_dict())
    report = session.apply(Edit(action="place", where="", argument="cuda:0"))
    assert report.table.model.devices == ["cuda:0"]
    run = session.model.forward([InputSpec(shape=[3, 4])], 0, False, silent)
    assert run.table.failure is None
    assert run.table.rows[1].device == "cuda:0"
    session.undo()
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_spread_over_devices_is_shown_as_such():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    session = Session(live(module))
    table = session.apply(Edit(action="place", where="1", argument="cuda:0")).table
    assert table.model.devices == ["cpu", "cuda:0"]
    assert table.rows[0].device == "cpu, cuda:0"
    assert "several-devices" in [note.code for note in table.notes]


@pytest.mark.parametrize("order", ["once each", "in a list"])
def test_a_module_with_several_names_is_reached_at_all_of_them(order):
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 3, 3)
            self.again = nn.ModuleList([self.first, nn.ReLU()])

        def forward(self, x):
            x = self.first(x)
            return self.again[1](self.again[0](x)) if order == "in a list" else self.again[1](x)

    table = live(Shared()).trace([InputSpec(shape=[1, 3, 9, 9])], silent)
    assert {row.path: row.reached for row in table.rows if row.path in ("first", "again.0", "again.1")} == {
        "first": True,
        "again.0": True,
        "again.1": True,
    }


def test_padding_before_the_first_window_is_told_along_its_axis():
    module = nn.Sequential(nn.ReflectionPad1d((4, 1)), nn.Conv1d(3, 2, 3))
    table = live(module).trace([InputSpec(shape=[1, 3, 20])], silent)
    # A pixel of the padded axis is 4 to the right of where it is in the input.
    assert {row.path: row.receptive_field.start for row in table.rows} == {"": [-4], "0": [-4], "1": [-4]}


def test_a_tied_layer_that_never_ran_is_not_reached():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(3, 3), nn.Linear(3, 3)
            self.unused.weight = self.used.weight

        def forward(self, x):
            return self.used(x)

    table = live(Tied()).trace([InputSpec(shape=[1, 3])], silent)
    assert {row.path: row.reached for row in table.rows} == {"": True, "used": True, "unused": False}


class Leaving(BaseException):
    """Not an Exception, as some libraries' own ways out are not."""


@pytest.mark.parametrize("work", ["trace", "forward"])
def test_whatever_a_forward_raises_is_its_failure(work):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            raise Leaving(self.fc(x).shape)

    given = [InputSpec(shape=[1, 4])]
    model = live(Odd())
    table = model.trace(given, silent) if work == "trace" else model.forward(given, 0, False, silent).table
    assert table.failure.type == "Leaving"
    assert [row.output_shapes for row in table.rows if row.path == "fc"] == [[[1, 4]]]


def test_a_cancelled_forward_is_cancelled_and_did_not_fail():
    def cancel(done, total, text):
        raise RequestCancelledError

    with pytest.raises(RequestCancelledError):
        live(nn.Sequential(nn.Linear(4, 4))).forward([InputSpec(shape=[1, 4])], 0, False, cancel)


def test_what_lies_below_another_place_of_a_container_is_what_was_called_there():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            conv = nn.Conv2d(3, 3, 3, padding=1)
            self.conv = conv
            self.one = nn.Sequential(conv, nn.MaxPool2d(2))
            self.two = nn.Sequential(conv, nn.MaxPool2d(2))
            self.three = nn.ModuleList([self.two])

        def forward(self, x):
            return self.three[0](self.one(x))

    module = Shared()
    table = live(module).trace([InputSpec(shape=[1, 3, 32, 32])], silent)
    behind = list(module.one(torch.zeros(1, 3, 32, 32)).shape)
    rows = {row.path: row for row in table.rows if row.call == 0}
    assert rows["three.0.0"].input_shapes == rows["two.0"].input_shapes == [behind]
    assert rows["three.0.0"].receptive_field == rows["two.0"].receptive_field


class SilentError(Exception):
    """Cannot even say what is wrong."""

    def __str__(self):
        raise RuntimeError("no text")


def test_an_exception_that_cannot_be_printed_is_a_failure_like_others():
    class Net(nn.Module):
        def forward(self, x):
            raise SilentError

    model = live(Net())
    assert model.forward([InputSpec(shape=[1, 4])], 0, False, silent).table.failure.type == "SilentError"
    assert model.trace([InputSpec(shape=[1, 4])], silent).failure.type == "SilentError"


class Padding(nn.Module):
    """Goes through a nested tensor, which has no shape."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(torch.nested.nested_tensor([x[:2], x[:1]])).to_padded_tensor(0.0)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_nested_tensor_has_no_shape_to_show_and_does_not_end_the_pass():
    table = live(Padding()).trace([InputSpec(shape=[4, 8])], silent)
    assert table.failure is None
    assert table.outputs[0].shape == [2, 2, 4]
    assert next(row for row in table.rows if row.path == "layer").output_shapes == []


def test_under_autocast_the_dtypes_are_those_of_the_device():
    class Casting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2000, 2000)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return torch.relu(self.layer(x))

    module = Casting()
    table = live(module).trace([InputSpec(shape=[200, 2000])], silent)
    assert table.outputs[0].dtype == str(module(torch.zeros(200, 2000)).dtype).removeprefix("torch.")
    assert "real-pass" in [note.code for note in table.notes]


def test_a_call_counts_for_the_module_that_made_it():
    shared = nn.Linear(8, 8)
    module = nn.Sequential(nn.Sequential(nn.Linear(8, 8), shared), nn.Sequential(nn.Linear(8, 8), shared))
    counter = FlopCounterMode(display=False)
    with counter:
        module(torch.zeros(4, 8))
    counts = counter.get_flop_counts()
    flops = {row.path: row.flops for row in live(module).trace([InputSpec(shape=[4, 8])], silent).rows if not row.call}
    assert flops["0"] == sum(counts["Sequential.0"].values())
    assert flops["1"] == sum(counts["Sequential.1"].values())
    assert flops[""] == counter.get_total_flops()
