"""Formulas of calls and of layers, against the shapes that come out."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.table import FormulaLine
from inspector.engine.pytorch.field_calls import formula_of
from inspector.engine.pytorch.layer_formulas import static_formula
from inspector.engine.pytorch.op_calls import Returned

IMAGE, VOLUME, SIGNAL = torch.zeros(2, 4, 17, 23), torch.zeros(2, 4, 9, 11, 13), torch.zeros(2, 4, 19)


class Formulas(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[list[FormulaLine], list[int]]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        lines = formula_of(Returned(func, args, kwargs, result))
        if lines:
            first = result[0] if isinstance(result, tuple) else result
            self.found.append((lines, list(first.shape[2:])))
        return result


LAYERS: list[tuple[nn.Module, torch.Tensor]] = [
    (nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), IMAGE),
    (nn.Conv2d(4, 4, (4, 3), padding="same", dilation=(1, 3)), IMAGE),
    (nn.Conv2d(4, 4, 3, padding="valid"), IMAGE),
    (nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular"), SIGNAL),
    (nn.Conv3d(4, 2, 3, stride=2), VOLUME),
    (nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1), IMAGE),
    (nn.ConvTranspose3d(4, 4, 2, stride=(1, 2, 2)), VOLUME),
    (nn.ConvTranspose1d(4, 4, 3, dilation=2), SIGNAL),
    (nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), IMAGE),
    (nn.MaxPool2d(2, return_indices=True), IMAGE),
    (nn.MaxPool3d(2, dilation=2), VOLUME),
    (nn.AvgPool1d(3), SIGNAL),
    (nn.AvgPool2d((2, 3), ceil_mode=True), IMAGE),
    (nn.LPPool2d(2, 3, stride=2), IMAGE),
    (nn.AdaptiveAvgPool2d((None, 7)), IMAGE),
    (nn.AdaptiveMaxPool3d(2), VOLUME),
    (nn.FractionalMaxPool2d(2, output_ratio=(0.6, 0.5)), IMAGE),
    (nn.FractionalMaxPool3d(2, output_size=(3, 4, 5)), VOLUME),
    (nn.Upsample(scale_factor=1.5), IMAGE),
    (nn.Upsample(size=(30, 31)), IMAGE),
]


@pytest.mark.parametrize(("layer", "batch"), LAYERS, ids=lambda value: str(value)[:40] if value is not None else "")
def test_the_formula_of_a_call_gives_the_shape_that_comes_out(layer: nn.Module, batch: torch.Tensor) -> None:
    with torch.no_grad(), Formulas() as mode:
        layer(batch)
    (lines, shape) = mode.found[-1]
    assert [line.output for line in lines] == shape
    for line in lines:
        assert line.text.endswith(str(line.output)) or str(line.output) in line.text


@pytest.mark.parametrize(
    ("layer", "batch"), LAYERS[:-2], ids=lambda value: str(value)[:40] if value is not None else ""
)
def test_a_layer_alone_has_the_same_formula_with_its_input_unknown(layer: nn.Module, batch: torch.Tensor) -> None:
    with torch.no_grad(), Formulas() as mode:
        layer(batch)
    called, _ = mode.found[-1]
    alone = static_formula(layer)
    assert alone is not None
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        return  # its call is two functions: the padding, and a convolution without
    spatial = [f"{axis}_in" for axis in {1: "L", 2: "HW", 3: "DHW"}[batch.dim() - 2]]
    for line, known, name, size in zip(alone, called, spatial, batch.shape[2:], strict=True):
        with_size = line.text.replace(name, str(size))
        assert known.text.partition(" = ")[0] in (with_size, f"{with_size} − 1")


def test_unpooling_and_linear() -> None:
    pooled, indices = nn.MaxPool2d(2, return_indices=True)(IMAGE)
    with torch.no_grad(), Formulas() as mode:
        nn.MaxUnpool2d(2)(pooled, indices)
        nn.MaxUnpool2d(2)(pooled, indices, output_size=[17, 23])
        nn.Linear(23, 5)(IMAGE)
    for lines, shape in mode.found[:2]:
        assert [line.output for line in lines] == shape
    assert mode.found[2][0][0].output == 5


def test_layers_without_a_window_have_no_formula_and_odd_ones_do_not_raise() -> None:
    assert static_formula(nn.ReLU()) is None
    broken = nn.Conv2d(1, 1, 3)
    broken.stride = "wide"  # type: ignore[assignment]
    assert static_formula(broken) is None
    assert static_formula(nn.LazyConv2d(4, 3)) is not None
    assert formula_of(Returned(torch.relu, (IMAGE,), {}, IMAGE)) is None
    assert formula_of(Returned(torch.conv2d, ("nonsense",), {}, IMAGE)) is None
