"""What-if against models that are built with the other settings, and run."""

import copy
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec, Recipe, parse_input
from inspector.core.table import Row
from inspector.core.what_if import Proposal, Settings, WhatIfReport, parse_settings
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.structure import static_rows

pytestmark = pytest.mark.slow


class Awkward(nn.Module):
    """Convolutions of all kinds, pools as modules and as functions, a layer called twice, a skip, a linear head."""

    def __init__(self, function_stride: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.twice = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.down = nn.Conv2d(8, 4, 1)
        self.up = nn.ConvTranspose2d(4, 8, 2, stride=2)
        self.wrapped = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.adapt = nn.AdaptiveAvgPool2d((4, 3))
        self.head = nn.Linear(96, 5)
        self.function_stride = function_stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = self.twice(self.twice(x))
        skip = x
        x = self.up(self.down(self.pool(x)))
        x = torch.cat([x, skip], 1)[:, :8]
        x = F.avg_pool2d(self.wrapped(x), 3, self.function_stride, padding=1)
        return self.head(self.adapt(x).flatten(1))


def live(module: nn.Module, *inputs: str) -> TorchModel:
    model = TorchModel(Recipe(target="memory"), Opened(model=module.eval(), name="Net", build=lambda seed: module))
    model.trace([parse_input(text) for text in inputs], nothing)
    return model


def nothing(done: int, total: int | None, text: str) -> None:
    pass


def ask(model: TorchModel, at: str, function: str = "", call: int = 0, inputs: str = "", **texts: str) -> WhatIfReport:
    specs = [parse_input(inputs)] if inputs else []
    proposal = Proposal(path=at, function=function, call=call, inputs=specs)
    now = model.what_if(proposal, nothing)
    settings = parse_settings(texts, now.now, now.operation)
    return model.what_if(msgspec.structs.replace(proposal, settings=settings), nothing)


Shapes = dict[tuple[str, str, int], list[list[int]]]


def shapes_of(rows: Sequence[Row]) -> Shapes:
    return {(row.path, row.type, row.call): row.output_shapes for row in rows if row.reached}


def executed(module: nn.Module, shape: Sequence[int]) -> tuple[Shapes, str | None]:
    """The shapes of all rows in a real pass, and the path where it failed."""
    recorder, failed = Recorder(module), None
    try:
        real_pass(module.eval(), ([torch.zeros(list(shape))], {}), recorder, seed=0)
    except RuntimeError:
        failed = recorder.failed.path if recorder.failed is not None else ""
    return shapes_of(rows_with_calls(static_rows(module), recorder.root)[0]), failed


def altered(module: nn.Module, at: str, **attributes: Any) -> nn.Module:
    """A copy that really has the other settings."""
    made = copy.deepcopy(module)
    layer = made.get_submodule(at)
    for name, value in attributes.items():
        setattr(layer, name, value)
    return made


def agree(report: WhatIfReport, before: TorchModel, changed: nn.Module, shape: Sequence[int] = (2, 3, 32, 32)) -> None:
    """The report tells of exactly the rows that differ when it is run, down to the first that fails."""
    (after, failed), known = executed(changed, shape), shapes_of(before.table().rows)
    firm = {(row.path, row.type, row.call): row.after for row in report.rows if not row.assumed and row.failure is None}
    assert firm == {key: shapes for key, shapes in after.items() if known.get(key) != shapes}
    first = next((row.failure for row in report.rows if row.failure is not None), None)
    assert (first.path if first is not None else None) == failed


def weights(shape: tuple[int, ...]) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


@pytest.fixture(scope="module")
def awkward() -> TorchModel:
    return live(Awkward(), "2x3x32x32")


CHANGES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("stem", {"stride": "1"}, {"stride": (1, 1)}),
    ("stem", {"kernel": "5x3", "padding": "2x0"}, {"weight": weights((8, 3, 5, 3)), "padding": (2, 0)}),
    ("stem", {"dilation": "2", "padding": "2"}, {"dilation": (2, 2), "padding": (2, 2)}),
    ("pool", {"ceil_mode": "no", "kernel": "3"}, {"ceil_mode": False, "kernel_size": 3}),
    ("pool", {"stride": "1", "dilation": "2"}, {"stride": 1, "dilation": 2}),
    ("up", {"stride": "3", "output_padding": "1"}, {"stride": (3, 3), "output_padding": (1, 1)}),
    ("up", {"kernel": "4", "padding": "1"}, {"weight": weights((4, 8, 4, 4)), "padding": (1, 1)}),
    ("wrapped", {"stride": "2"}, {"stride": (2, 2)}),
    ("adapt", {"output_size": "5"}, {"output_size": (5, 5)}),
    ("down", {"out_channels": "6"}, {"weight": weights((6, 8, 1, 1)), "bias": weights((6,))}),
    ("stem", {"kernel": "40"}, {"weight": weights((8, 3, 40, 40))}),
]


@pytest.mark.parametrize(("at", "texts", "attributes"), CHANGES, ids=lambda value: str(value)[:40])
def test_it_is_as_in_a_model_that_has_the_settings(
    awkward: TorchModel, at: str, texts: dict[str, str], attributes: dict[str, Any]
) -> None:
    report = ask(awkward, at, **texts)
    changed = altered(awkward.module, at, **attributes)
    agree(report, awkward, changed)
    rows, _ = executed(changed, (2, 3, 32, 32))
    here = next((shapes for (path, _, _), shapes in rows.items() if path == at), None)
    assert report.after == (here[0] if here else None)
    told = [line.output for line in report.formula]
    assert told
    if report.after is not None:
        assert told == report.after[-len(told) :]
    else:
        assert min(size for size in told if size is not None) < 1


def test_a_function_is_changed_as_a_layer_is(awkward: TorchModel) -> None:
    report = ask(awkward, "", "F.avg_pool2d", stride="1")
    agree(report, awkward, Awkward(function_stride=1))
    assert report.settings.stride == [1, 1]


def test_one_call_of_a_layer_called_twice(awkward: TorchModel) -> None:
    report = ask(awkward, "twice", call=1, padding="0")
    changed = {(row.path, row.call) for row in report.rows}
    assert ("twice", 1) in changed
    assert ("twice", 0) not in changed
    assert report.before == [2, 8, 16, 16]
    assert report.after == [2, 8, 14, 14]


def test_another_input_too(awkward: TorchModel) -> None:
    report = ask(awkward, "stem", inputs="4x3x48x40", stride="4")
    agree(report, awkward, altered(awkward.module, "stem", stride=(4, 4)), (4, 3, 48, 40))
    assert report.inputs == [InputSpec(shape=[4, 3, 48, 40])]


class Head(nn.Module):
    """Two places that a change of the first convolution makes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.first = nn.Linear(2 * 8 * 8, 4)
        self.side = nn.Conv2d(2, 3, 8)
        self.second = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.first(x.flatten(1)) + self.second(self.side(x).flatten(1))


def test_all_misfits_are_told_at_once() -> None:
    report = ask(live(Head(), "3x1x8x8"), "conv", kernel="1")
    misfits = {row.path: row.failure for row in report.rows if row.failure is not None}
    assert list(misfits) == ["first", "second"]
    assert misfits["first"] is not None
    assert "200" in misfits["first"].explanation
    assert report.complete
    assert [row.after for row in report.rows if row.path == "side"] == [[[3, 3, 3, 3]]]
    larger = ask(live(Head(), "3x1x8x8"), "conv", inputs="5x1x8x8", kernel="1")
    assert {row.path for row in larger.rows if row.failure is not None} == {"first", "second"}
    assert [row.after for row in larger.rows if (row.path, row.kind) == ("", "module")] == [[[5, 4]]]


def test_a_kernel_that_does_not_fit_ends_what_is_known() -> None:
    report = ask(live(Head(), "3x1x8x8"), "conv", kernel="20")
    assert report.after is None
    assert not report.complete
    assert "12" not in report.formula[0].text
    assert "8 rows" in report.formula[0].notes[-1] or "18 rows or more would fit" in report.formula[0].notes[-1]


def test_a_model_that_fails_is_told_what_would_make_it_run() -> None:
    model = live(Head(), "3x1x10x10")
    assert model.table().failure is not None
    report = ask(model, "conv", stride="1", padding="0")
    assert all(row.failure is None for row in report.rows)
    assert [row.before for row in report.rows if row.path == "first"] == [[]]
    assert [row.after for row in report.rows if row.path == "first"] == [[[3, 4]]]


def test_nothing_in_the_model_is_touched(awkward: TorchModel) -> None:
    module = awkward.module
    held = {name: (tensor, tensor.clone()) for name, tensor in module.state_dict(keep_vars=True).items()}
    attributes = [dict(one.__dict__) for one in module.modules()]
    hooks = [(len(one._forward_hooks), len(one._forward_pre_hooks)) for one in module.modules()]
    table, state = awkward.table(), torch.get_rng_state()
    ask(awkward, "stem", kernel="7", out_channels="16", stride="3")
    after = module.state_dict(keep_vars=True)
    assert all(after[name] is tensor and torch.equal(tensor, copied) for name, (tensor, copied) in held.items())
    assert [dict(one.__dict__) for one in module.modules()] == attributes
    assert [(len(one._forward_hooks), len(one._forward_pre_hooks)) for one in module.modules()] == hooks
    assert awkward.table() is table
    assert torch.equal(torch.get_rng_state(), state)


class Looks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.sum() > -1e9 else x


def test_what_cannot_be_told_is_said(awkward: TorchModel) -> None:
    with pytest.raises(RequestError, match="calls no convolution or pooling"):
        ask(awkward, "norm")
    with pytest.raises(RequestError, match="no row 'nowhere'"):
        ask(awkward, "nowhere")
    with pytest.raises(RequestError, match="not a multiple of the 2 groups"):
        ask(awkward, "twice", out_channels="3")
    with pytest.raises(RequestError, match="8×4×999999999×999999999, larger than any tensor"):
        ask(awkward, "twice", kernel="999999999")
    with pytest.raises(RequestError, match="fails before it reaches twice"):
        ask(awkward, "twice", inputs="x==1e999")
    with pytest.raises(RequestError, match="no setting 'padding'"):
        ask(awkward, "wrapped", padding="2")
    with pytest.raises(RequestError, match="needs values"):
        ask(live(Looks(), "1x1x9"), "conv", stride="2")
    failing = live(Head(), "3x2x8x8")
    with pytest.raises(RequestError, match="no pass has reached side"):
        ask(failing, "side")


@pytest.mark.parametrize(
    ("layer", "shape", "texts", "after"),
    [
        (nn.LPPool1d(2, 3), "1x2x10", {"kernel": "2"}, [1, 2, 3]),
        (nn.MaxPool1d(2), "2x9", {"ceil_mode": "yes"}, [2, 5]),
        (nn.Conv3d(1, 1, 3), "1x1x5x6x7", {"padding": "same"}, [1, 1, 5, 6, 7]),
        (nn.AdaptiveMaxPool1d(3), "1x2x9", {"output_size": "4"}, [1, 2, 4]),
        (nn.AvgPool3d(2), "1x1x6x6x6", {"stride": "1x2x3"}, [1, 1, 5, 3, 2]),
    ],
    ids=str,
)
def test_in_one_and_three_dimensions(layer: nn.Module, shape: str, texts: dict[str, str], after: list[int]) -> None:
    report = ask(live(nn.Sequential(layer), shape), "0", **texts)
    assert report.after == after
    assert isinstance(report.settings, Settings)
