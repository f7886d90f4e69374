"""Memory on meta, against real passes: what autograd keeps, and what torch's own tracker saw in use."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from inspector.core.errors import RequestError
from inspector.core.memory import MemorySettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

try:
    from torch.distributed._tools.mem_tracker import MemTracker
except ImportError:  # private to torch
    MemTracker = None


class Attending(nn.Module):
    """Attention by the function, with a mask or causal."""

    def __init__(self, masked):
        super().__init__()
        self.project = nn.Linear(32, 96)
        self.masked = masked

    def forward(self, x):
        query, key, value = self.project(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        mask = x.new_ones(x.shape[1], x.shape[1]).tril() > 0 if self.masked else None
        out = F.scaled_dot_product_attention(query, key, value, mask, is_causal=not self.masked)
        return out.transpose(1, 2).flatten(2)


class Checkpointed(nn.Module):
    """Two parts that keep their inputs only."""

    def __init__(self):
        super().__init__()
        self.one = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 16))
        self.two = copy.deepcopy(self.one)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        for part in (self.one, self.two):
            x = checkpoint(part, x, use_reentrant=False)
        return self.head(x)


class Several(nn.Module):
    """One layer called twice, tied weights, functions, an in-place change, two outputs."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(16, 16)
        self.tied = nn.Linear(16, 16)
        self.tied.weight = self.one.weight
        self.other = nn.Linear(16, 16)
        self.norm = nn.BatchNorm1d(16)

    def forward(self, x):
        h = F.gelu(self.one(F.relu(self.one(x), inplace=True)))
        out = self.other(self.tied(h))
        out += h
        return {"norm": self.norm(out), "product": torch.einsum("bi,bj->ij", out, out).exp()}


class Residual(nn.Module):
    """Drops its branch at random in train mode: functions that eval mode does not call."""

    def __init__(self):
        super().__init__()
        self.branch = nn.Linear(16, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        branch = torch.tanh(self.branch(x))
        if self.training:
            branch = branch * torch.empty(x.shape[0], 1, device=x.device).bernoulli_(0.5)
        return self.head(x + branch)


class Asking(nn.Module):
    """Goes where its values lead."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)

    def forward(self, x):
        return self.fc(x).tanh() if float(x.abs().sum()) >= 0 else x


MODELS = {
    "linear": (
        lambda: nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 3)), [32, 16],
    ),
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, groups=2),
            nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
        ), [4, 3, 16, 16],
    ),
    "upsampling": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.Upsample(scale_factor=2), nn.PixelShuffle(2),
            nn.ConvTranspose2d(2, 4, 4, 2),
        ), [2, 3, 8, 8],
    ),
    "normalisations": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Hardswish(), nn.InstanceNorm2d(8, affine=True),
            nn.LayerNorm([6, 6]), nn.Softmax(1), nn.AvgPool2d(2),
        ), [4, 3, 8, 8],
    ),
    "embedding": (lambda: nn.Sequential(nn.Embedding(11, 16), nn.LayerNorm(16), nn.Linear(16, 11)), [3, 5]),
    "causal attention": (lambda: Attending(False), [2, 24, 32]),
    "masked attention": (lambda: Attending(True), [2, 24, 32]),
    "attention layer": (lambda: nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True), [2, 12, 16]),
    "several": (Several, [8, 16]),
    "random depth": (Residual, [8, 16]),
    "values": (Asking, [8, 16]),
}  # fmt: skip


needs_tracker = pytest.mark.skipif(MemTracker is None, reason="this torch has no MemTracker")


def live(module):
    return TorchModel(Recipe(target="net.py"), Opened(module.eval(), "Net", lambda seed: module))


def spec_of(name):
    shape = MODELS[name][1]
    return InputSpec(shape=shape, dtype="int64" if name == "embedding" else "float32")


def report_of(module, inputs, **settings):
    model = live(module)
    model.trace(inputs, lambda *_: None)
    return model.memory(MemorySettings(inputs=inputs, **settings), lambda *_: None), model.table()


def inputs_of(name):
    shape = MODELS[name][1]
    return torch.zeros(shape, dtype=torch.int64) if name == "embedding" else torch.ones(shape)


def outputs_of(output):
    parts = output.values() if isinstance(output, dict) else [output]
    return [part for part in parts if part.requires_grad]


class Loss(torch.autograd.Function):
    """Keeps nothing, gives back a gradient of each output's size."""

    @staticmethod
    def forward(ctx, *outputs):
        ctx.like = [(one.shape, one.dtype, one.device) for one in outputs]
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx, *_):
        return tuple(torch.zeros(shape, dtype=dtype, device=device) for shape, dtype, device in ctx.like)


def kept_by_autograd(module, x):
    """Bytes of the storages that the nodes of the graph hold; parameters, buffers, inputs and scalars aside."""
    waiting = [one.grad_fn for one in outputs_of(module(x))]
    known = {t.untyped_storage()._cdata for t in [*module.parameters(), *module.buffers(), x]}
    seen, kept = set(), {}
    for node in waiting:
        if node is None or node in seen:
            continue
        seen.add(node)
        saved = [getattr(node, name) for name in dir(node) if name.startswith("_saved_")]
        for tensor in (one for one in saved if isinstance(one, torch.Tensor) and one.ndim):
            storage = tensor.untyped_storage()
            if storage._cdata not in known:
                kept[storage._cdata] = storage  # held, so that the address is not given to another
        waiting += [below for below, _ in node.next_functions]
    return sum(storage.nbytes() for storage in kept.values())


def most_in_use(module, x, training, optimizer=None):
    """What torch's own tracker saw on real tensors."""
    tracker = MemTracker()
    tracker.track_external(module, x, *([optimizer] if optimizer else []))
    with tracker, torch.set_grad_enabled(training):
        output = module(x)
        if training:
            Loss.apply(*outputs_of(output)).backward()
        if optimizer:
            optimizer.step()
    return tracker.get_tracker_snapshot("peak")[x.device]["Total"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_what_is_kept_for_backward_is_what_autograd_holds(name):
    report, table = report_of(MODELS[name][0](), [spec_of(name)])
    module = MODELS[name][0]().train()
    assert report.saved_bytes == kept_by_autograd(module, inputs_of(name))
    assert report.rows[0].saved_bytes == report.saved_bytes
    assert len(report.rows) == len(table.rows)
    assert report.parameter_bytes == table.totals.parameter_bytes
    assert report.buffer_bytes == table.totals.buffer_bytes


@needs_tracker
@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("name", [*MODELS, "checkpointed"])
def test_the_peak_is_what_the_tracker_of_torch_sees_in_a_real_pass(name, training):
    if name == "attention layer" and not training:
        pytest.skip("in inference torch runs this layer in one operation, whose inside no tracker sees")
    make, spec, x = (
        (Checkpointed, InputSpec(shape=[8, 16]), torch.ones(8, 16))
        if name == "checkpointed"
        else (MODELS[name][0], spec_of(name), inputs_of(name))
    )
    report, _ = report_of(make(), [spec], optimizer="none")
    peak = report.training if training else report.inference
    # Without gradients a normalisation gives back empty statistics on a CPU, and those of its channels on meta.
    assert peak.bytes == pytest.approx(most_in_use(make().train(training), x, training), rel=0 if training else 1e-3)
    assert sum(peak.uses.values()) == peak.bytes
    assert peak.row is not None


@needs_tracker
@pytest.mark.parametrize("name", ["none", "sgd", "adam"])
def test_what_an_optimizer_keeps_and_needs_is_what_those_of_torch_do(name):
    def make():
        return nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 64), nn.Linear(64, 4))

    report, _ = report_of(make(), [InputSpec(shape=[2, 16])], optimizer=name)
    module, x = make().train(), torch.ones(2, 16)
    optimizer = {
        "none": None,
        "sgd": torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, foreach=True),
        "adam": torch.optim.Adam(module.parameters(), foreach=True),
    }[name]
    if optimizer:
        module(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    state = optimizer.state.values() if optimizer else []
    kept = [value for one in state for value in one.values() if isinstance(value, torch.Tensor) and value.ndim]
    assert report.optimizer_bytes == sum(value.nbytes for value in kept)
    assert report.gradient_bytes == sum(parameter.nbytes for parameter in module.parameters())
    assert report.training.phase == ("step" if name == "adam" else "backward")
    counters = 4 * len(state)
    assert report.training.bytes == pytest.approx(most_in_use(module, x, True, optimizer), abs=4 * counters)


def test_frozen_parameters_get_no_gradient_and_no_state():
    module = nn.Sequential(nn.Linear(16, 64).requires_grad_(False), nn.Linear(64, 4))
    report, _ = report_of(module, [InputSpec(shape=[2, 16])])
    assert report.gradient_bytes == 4 * (64 * 4 + 4)
    assert report.optimizer_bytes == 2 * report.gradient_bytes


def test_rows_keep_what_those_below_them_keep():
    module = nn.Sequential(Several(), nn.ModuleDict({"a": nn.Linear(1, 1)}), Residual())
    module.forward = lambda x: module[2](module[0](x)["norm"])
    report, table = report_of(module, [InputSpec(shape=[8, 16])])
    own = [row.saved_bytes or 0 for row in report.rows]
    for row in table.rows:
        if row.parent is not None:
            own[row.parent] -= report.rows[row.index].saved_bytes or 0
    assert sum(own) == report.saved_bytes == report.rows[0].saved_bytes
    assert min(own) >= 0
    found = {(row.path, row.type): one for row, one in zip(table.rows, report.rows, strict=True)}
    # Functions that only train mode calls have no row; what they keep is their caller's.
    assert found["2", "torch.tanh"].saved_bytes is None
    below = found["2.branch", "Linear"].saved_bytes + found["2.head", "Linear"].saved_bytes
    assert found["2", "Residual"].saved_bytes > below
    assert found["1", "ModuleDict"].saved_bytes is None


def test_checkpointed_parts_keep_their_inputs():
    report, _ = report_of(Checkpointed(), [InputSpec(shape=[8, 16])])
    assert report.saved_bytes == 2 * 8 * 16 * 4


class Unregistered(nn.Module):
    """Holds a constant as a plain attribute."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)
        self.constant = torch.ones(16, 32)

    def forward(self, x):
        return (self.fc(x) @ self.constant).tanh() @ self.constant.T


def test_what_is_held_without_being_registered_is_there_all_the_time_and_not_kept_by_calls():
    module = Unregistered()
    constant = module.constant
    report, _ = report_of(module, [InputSpec(shape=[4, 16])])
    assert report.buffer_bytes == constant.nbytes
    assert report.saved_bytes == 4 * 4 * 32
    assert module.constant is constant


@pytest.mark.parametrize("make", [torch.jit.script, lambda part: torch.jit.trace(part, torch.ones(4, 16))])
def test_torchscript_is_as_before(make):
    module = nn.Sequential(make(nn.Sequential(nn.Linear(16, 8), nn.ReLU())), nn.Linear(8, 2)).eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    report, _ = report_of(module, [InputSpec(shape=[4, 16])], dtype="float64")
    assert report.saved_bytes == 8 * 4 * 8
    assert not any(part.training for part in module.modules())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert module(torch.ones(4, 16)).dtype == torch.float32


def test_dropout_keeps_a_byte_for_each_element_as_on_a_gpu():
    report, table = report_of(nn.Sequential(nn.Linear(16, 64), nn.Dropout(0.5)), [InputSpec(shape=[2, 16])])
    assert {row.path: one.saved_bytes for row, one in zip(table.rows, report.rows, strict=True)}["1"] == 2 * 64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_another_dtype_scales_all_floating_tensors(dtype):
    make, shape = MODELS["linear"]
    whole, _ = report_of(make(), [InputSpec(shape=shape)])
    other, _ = report_of(make(), [InputSpec(shape=shape)], dtype=dtype)
    factor = torch.finfo(getattr(torch, dtype)).bits / 32
    for name in ("parameter_bytes", "input_bytes", "gradient_bytes", "optimizer_bytes", "saved_bytes"):
        assert getattr(other, name) == factor * getattr(whole, name)
    assert other.training.bytes == factor * whole.training.bytes
    assert (other.dtype, other.inputs[0].dtype) == (dtype, dtype)


@pytest.mark.parametrize("name", ["linear", "values"])
def test_another_batch_is_that_of_inputs_of_that_size(name):
    make, shape = MODELS[name]
    asked, _ = report_of(make(), [InputSpec(shape=shape)], batch=5)
    given, _ = report_of(make(), [InputSpec(shape=[5, *shape[1:]])])
    assert asked == given
    assert asked.batch == 5


def test_a_model_that_needs_values_is_followed_for_real_and_says_so():
    big = Asking()
    report, _ = report_of(big, [InputSpec(shape=[40, 16])])
    assert [note.code for note in report.notes] == ["real-memory-pass"]
    assert big.fc.weight.grad is None


def test_a_batch_that_the_model_does_not_take_is_refused():
    class Fixed(nn.Module):
        def forward(self, x):
            return x.view(2, 16)

    with pytest.raises(RequestError, match=r"does not run on 3×16.*view|3×16.*shape"):
        report_of(Fixed(), [InputSpec(shape=[2, 16])], batch=3)


def test_a_batch_that_no_storage_holds_is_refused():
    with pytest.raises(RequestError, match=f"does not run on {2**62}×16"):
        report_of(nn.Linear(16, 2), [InputSpec(shape=[2, 16])], batch=2**62)


@pytest.mark.parametrize(
    ("module", "word"), [(nn.ReLU(), "differentiable"), (nn.BatchNorm1d(16), "more than 1 value per channel")]
)
def test_what_cannot_be_trained_has_no_figures_and_a_reason(module, word):
    report, _ = report_of(module, [InputSpec(shape=[1, 16])])
    assert report.inference is not None
    assert (report.training, report.saved_bytes, report.gradient_bytes) == (None, None, None)
    assert {row.saved_bytes for row in report.rows} == {None}
    assert word in report.notes[0].message


@pytest.mark.slow
def test_the_largest_batch_fits_and_the_next_does_not():
    make, shape = MODELS["convolution"]
    limit = 1 << 20
    report, _ = report_of(make(), [InputSpec(shape=shape)], limit=limit)
    for phase in ("inference", "training"):
        largest = getattr(report.fitting, phase)
        peaks = [
            getattr(report_of(make(), [InputSpec(shape=shape)], batch=batch)[0], phase).bytes
            for batch in (largest, largest + 1)
        ]
        assert peaks[0] <= limit < peaks[1]


def test_a_type_that_is_no_number_of_its_kind_is_refused():
    for wrong in ("int8", "nonsense", "float3"):
        with pytest.raises(RequestError, match="choose float32, float16 or bfloat16"):
            report_of(nn.Linear(2, 2), [InputSpec(shape=[1, 2])], dtype=wrong)


@pytest.mark.slow
@needs_tracker
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["resnet18", "swin_t"])
def test_torchvision_models_take_what_the_tracker_sees(name):
    from inspector.engine.pytorch import torchvision_operators

    torchvision_operators.install()
    from torchvision import models

    make = getattr(models, name)
    report, _ = report_of(make(), [InputSpec(shape=[2, 3, 64, 64])], optimizer="none")
    x = torch.ones(2, 3, 64, 64)
    assert report.training.bytes == pytest.approx(most_in_use(make().train(), x, True), rel=1e-4)
    assert report.inference.bytes == pytest.approx(most_in_use(make().eval(), x, False), rel=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_a_gpu_takes_what_is_told_but_for_rounding_and_work_space(training):
    from torchvision import models

    report, _ = report_of(models.resnet50(), [InputSpec(shape=[16, 3, 224, 224])], optimizer="none")
    module = models.resnet50().to("cuda").train(training)
    x = torch.ones(16, 3, 224, 224, device="cuda")
    torch.cuda.reset_peak_memory_stats()
    with torch.set_grad_enabled(training):
        output = module(x)
        if training:
            Loss.apply(output).backward()
    told = report.training if training else report.inference
    # cuDNN's work space for one convolution is in the figure of the allocator and not in ours.
    assert told.bytes == pytest.approx(torch.cuda.max_memory_allocated(), rel=0.15)
