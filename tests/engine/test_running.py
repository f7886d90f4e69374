"""Passes with values: they tell what torch and autograd tell, and leave the model as it was."""

import copy
import random

import pytest
import torch
from live_models import live, silent
from torch import nn

from inspector.core.errors import RequestCancelledError, RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.memory import MemorySettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


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
        report = model.forward(ForwardSettings(inputs=given, backward=work == "backward"), silent)
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
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[3, 4])], seed=7), silent)
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
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[3, 4])], seed=5, backward=True), silent)
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

    report = live(Net()).forward(ForwardSettings(inputs=[InputSpec(shape=[2, 3])]), silent)
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

    live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[3, 4])]), watch)
    last = ended[-len(texts) :]
    assert last == ["0 ", "1.0 ", "1.1 ", "1 ", "model "]
    assert [text.startswith(f"after {path}") for text, path in zip(texts, last, strict=True)] == [True] * 5


def test_a_cancelled_forward_is_cancelled_and_did_not_fail():
    def cancel(done, total, text):
        raise RequestCancelledError

    with pytest.raises(RequestCancelledError):
        live(nn.Sequential(nn.Linear(4, 4))).forward(ForwardSettings(inputs=[InputSpec(shape=[1, 4])]), cancel)


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
        report = live(Net()).forward(ForwardSettings(inputs=[InputSpec(shape=[2, 3])]), silent)
    finally:
        torch.use_deterministic_algorithms(False)
    runs = {row.type: run for row, run in zip(report.table.rows, report.runs, strict=True)}
    for name in ("torch.empty_like", "torch.empty", "x.new_empty", "torch.empty_strided"):
        assert runs[name].seconds is not None
        assert runs[name].statistics is None
    assert report.first_nonfinite.source.text == "return room / 0"


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
    report = model.forward(ForwardSettings(inputs=[InputSpec(shape=[3, 4])], seed=7, backward=True), silent)
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


def outputs_by_hand(module, batches):
    """What hooks see of the second layer, over batches drawn as one after another."""
    seen = []
    handle = module[1].register_forward_hook(lambda *call: seen.append(call[2].clone()))
    for seed in range(3, 3 + batches):
        torch.manual_seed(seed)
        module(torch.randn(4, 5, generator=torch.Generator().manual_seed(seed)))
    handle.remove()
    return torch.cat(seen)


def test_several_batches_are_counted_as_one():
    module = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[4, 5])], seed=3, batches=3), silent)
    [found] = [run.statistics for row, run in zip(report.table.rows, report.runs, strict=True) if row.path == "1"]
    expected = outputs_by_hand(module, 3)
    assert report.batches == 3
    assert expected.shape == (12, 6)
    assert found.mean == pytest.approx(expected.mean().item(), rel=1e-5)
    assert found.std == pytest.approx(expected.std().item(), rel=1e-5)
    assert (found.min, found.max) == (expected.min().item(), expected.max().item())
    assert found.zeros == pytest.approx((expected == 0).float().mean().item())
    assert found.dead_units == pytest.approx((expected == 0).all(dim=0).double().mean().item())
    assert sum(found.histogram.counts) == expected.numel()


def test_gradients_of_several_batches_are_counted_as_one_beside_the_weights():
    module = nn.Linear(5, 1)
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[4, 5])], backward=True, batches=2), silent)
    parts = [
        live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[4, 5])], seed=seed, backward=True), silent)
        for seed in (0, 1)
    ]
    found, *_ = report.gradients
    ratios = [part.gradients[0].gradient_ratio for part in parts]
    assert found.gradient_ratio == pytest.approx(((ratios[0] ** 2 + ratios[1] ** 2) / 2) ** 0.5)
    assert found.gradient.min == min(part.gradients[0].gradient.min for part in parts)
    norms = [part.runs[0].gradient_norm for part in parts]
    assert report.runs[0].gradient_norm == pytest.approx(((norms[0] ** 2 + norms[1] ** 2) / 2) ** 0.5)


def test_the_ratio_of_gradient_to_values_is_that_of_autograd():
    module = nn.Linear(5, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(2)
    report = live(module).forward(
        ForwardSettings(inputs=[InputSpec(shape=[1, 5], distribution="ones")], backward=True), silent
    )
    [found] = report.gradients
    root_mean_square = ((found.gradient.mean**2) + found.gradient.std**2 * 4 / 5) ** 0.5
    assert found.gradient_ratio == pytest.approx(root_mean_square / 2)


def test_what_is_kept_for_backward_is_told_beside_gradients_only():
    module = nn.Sequential(nn.Linear(5, 6), nn.Sigmoid())
    given = [InputSpec(shape=[4, 5])]
    without, with_gradients = (
        live(module).forward(ForwardSettings(inputs=given, backward=backward), silent) for backward in (False, True)
    )
    assert [run.saved_bytes for run in without.runs] == [None, None, None]
    # A sigmoid keeps its output; a layer its input, which is not its to count.
    assert [run.saved_bytes for run in with_gradients.runs] == [4 * 6 * 4, 0, 4 * 6 * 4]


def test_the_batches_up_to_one_that_fails_are_counted():
    class Once(nn.Module):
        def forward(self, x):
            if x.mean() < 0:
                raise ValueError("a mean below 0")
            return x

    means = [torch.randn(4, 5, generator=torch.Generator().manual_seed(seed)).mean() for seed in range(99)]
    first = next(seed for seed in range(99) if means[seed] > 0 > means[seed + 1])
    settings = ForwardSettings(inputs=[InputSpec(shape=[4, 5])], seed=first, batches=9)
    report = live(Once()).forward(settings, silent)
    assert report.table.failure.message == "a mean below 0"
    assert report.batches == 2


def test_batches_that_would_all_be_the_same_are_refused(tmp_path):
    torch.save(torch.ones(4, 5), tmp_path / "x.pt")
    with pytest.raises(RequestError, match="all batches would be the same; one is enough"):
        live(nn.Linear(5, 2)).forward(
            ForwardSettings(inputs=[InputSpec(file=str(tmp_path / "x.pt"))], batches=2), silent
        )
    with pytest.raises(RequestError, match="no input is drawn at random"):
        live(nn.Linear(5, 2)).forward(
            ForwardSettings(inputs=[InputSpec(shape=[4, 5], distribution="ones")], batches=2), silent
        )
    with pytest.raises(RequestError, match="give 1 or more"):
        live(nn.Linear(5, 2)).forward(ForwardSettings(inputs=[InputSpec(shape=[4, 5])], batches=0), silent)


def test_a_sigmoid_that_is_saturated_is_told():
    module = nn.Sequential(nn.Linear(5, 6), nn.Sigmoid())
    nn.init.constant_(module[0].weight, 40.0)
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[40, 5])]), silent)
    output = module(torch.randn(40, 5, generator=torch.Generator().manual_seed(0)))
    assert report.runs[2].statistics.saturated == pytest.approx(
        ((output < 0.01) | (output > 0.99)).float().mean().item(), abs=0.01
    )
    assert report.runs[1].statistics.saturated is None


class ChangesWhatIsKept(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4))

    def forward(self, x):
        h = torch.relu(self.inner(x))
        h += 1
        return h


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        raise ValueError("no way back")


class CannotGoBack(nn.Linear):
    def forward(self, x):
        return Broken.apply(super().forward(x))


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        (ChangesWhatIsKept(), "h += 1", "modified by an inplace operation"),
        (CannotGoBack(4, 4), "raise ", "no way back"),
    ],
)
def test_a_backward_pass_that_fails_is_a_failure_with_its_line_and_the_forward_pass_is_told(module, line, said):
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[2, 4])], backward=True), silent)
    assert said in report.table.failure.message
    assert report.table.failure.message.startswith("in the backward pass")
    assert line in report.table.failure.source.text
    assert report.gradients == []
    assert report.outputs[0].shape == [2, 4]
    assert all(row.reached for row in report.table.rows)
