"""Passes on meta do what passes on values do, and leave the layers as they are."""

import copy
import inspect
import io
from typing import Any

import pytest
import torch
from torch import nn

from inspector.engine.pytorch.passes import run_shapes
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import meta_pass, real_pass
from inspector.engine.pytorch.stand_ins import NeedsValuesError

CASES = [
    (nn.ConvTranspose2d(4, 2, 3), (1, 5, 6, 6)),
    (nn.ConvTranspose1d(4, 2, 3), (5, 6)),
    (nn.ConvTranspose3d(4, 2, 1, groups=2), (1, 2, 3, 3, 3)),
    (nn.ConvTranspose1d(2, 2, 3, stride=2, padding=1, output_padding=2), (1, 2, 6)),
    (nn.ConvTranspose2d(2, 2, 3, dilation=2, output_padding=1), (1, 2, 6, 6)),
    (nn.ConvTranspose2d(2, 2, 3), (2, 6, 6)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=lambda value: str(value)[:60])
def test_meta_and_real_agree(layer: nn.Module, shape: tuple[int, ...]) -> None:
    real, meta = (_outcome(one, layer, shape) for one in (real_pass, meta_pass))
    assert real == meta


class Positions(nn.Module):
    """A table of 8 positions, counted as texts count them."""

    def __init__(self, count: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(8, 3)
        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table(self.count(x))


def clamped_through_a_view(positions: torch.Tensor) -> torch.Tensor:
    positions.unsqueeze(0).clamp_(max=7)
    return positions


def assigned(positions: torch.Tensor) -> torch.Tensor:
    positions[7:] = 7
    return positions


COUNTS = {
    "plain": lambda x: torch.arange(x.shape[1]),
    "from one on": lambda x: torch.arange(1, x.shape[1] + 1).unsqueeze(0),
    "by keywords": lambda x: torch.arange(start=0, end=x.size(1), device=x.device)[None, :],
    "expanded": lambda x: torch.arange(x.shape[1]).unsqueeze(0).expand(x.shape[0], x.shape[1]),
    "shifted": lambda x: torch.arange(x.shape[1]).repeat(x.shape[0], 1) + 1,
    "clamped": lambda x: torch.arange(x.shape[1]).clamp(max=7),
    "modulo": lambda x: (torch.arange(x.shape[1]) + 5) % 8,
    "clamped in place": lambda x: torch.arange(x.shape[1]).clamp_(max=7),
    "clamped through a view": lambda x: clamped_through_a_view(torch.arange(x.shape[1])),
    "assigned": lambda x: assigned(torch.arange(x.shape[1])),
    "the first of them": lambda x: torch.arange(100)[: x.shape[1]],
}


@pytest.mark.parametrize("length", [7, 8, 9])
@pytest.mark.parametrize("name", COUNTS)
def test_a_table_of_positions_is_as_long_on_meta(name: str, length: int) -> None:
    layer, shape = Positions(COUNTS[name]), (2, length, 3)
    real, meta = (_outcome(one, layer, shape) for one in (real_pass, meta_pass))
    # A part of them is not followed.
    assert real == meta or (name == "the first of them" and meta == torch.Size(shape))


def _outcome(one_pass: Any, layer: nn.Module, shape: tuple[int, ...]) -> object:
    """The shape that comes out, or how the complaint begins."""
    arguments: Any = ([torch.zeros(shape)], {})
    try:
        more = ("cpu", 0) if one_pass is meta_pass else (0,)
        return one_pass(layer, arguments, Recorder(layer), *more).shape
    except (RuntimeError, IndexError) as refused:
        return str(refused)[:40]


class Convolved(nn.Module):
    """Strides and device flags decide what it does next."""

    def __init__(self, layer: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.layer = layer
        self.channels_last = channels_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        y = self.layer(x)
        assert x.is_cpu
        assert not x.is_meta
        last = y.is_contiguous(memory_format=torch.channels_last) and not y.is_contiguous()
        return y.flatten(2) if last else y


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("weight_last", [False, True])
@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 1), nn.ConvTranspose2d(4, 6, 3), nn.Conv2d(4, 8, 3, groups=4)],
    ids=str,
)
def test_convolutions_lay_out_their_results_as_on_the_cpu(
    layer: nn.Module, weight_last: bool, channels_last: bool
) -> None:
    model = Convolved(
        layer.to(memory_format=torch.channels_last if weight_last else torch.contiguous_format), channels_last
    )
    real, meta = (_outcome(one, model, (2, 4, 9, 9)) for one in (real_pass, meta_pass))
    assert real == meta


class Formats(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 64, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y[..., : len(f"{y.mean():.3f}")]


def test_what_tells_values_is_run_for_real() -> None:
    model, image = Formats(), torch.randn(1, 3, 32, 32)
    with pytest.raises(NeedsValuesError):
        meta_pass(model, ([image], {}), Recorder(model), "cpu", 0)
    assert run_shapes(model, ([image], {}), 0).output.shape == model(image).shape


class RefusesStandIns(nn.Module):
    """Fails on meta in a way that nothing foresees."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 128, 7, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        if y.untyped_storage().data_ptr() == 0:
            raise ValueError("no memory")
        return y


def test_a_failure_without_values_counts_only_if_there_is_one_with_values() -> None:
    model, image = RefusesStandIns(), torch.randn(1, 3, 224, 224)
    assert isinstance(run_shapes(model, ([image], {}), 0).problem, ValueError)
    confirmed = run_shapes(model, ([image], {}), 0, confirm=True)
    assert confirmed.problem is None
    assert confirmed.output.shape == (1, 128, 224, 224)
    assert "no memory" in confirmed.notes[0].message


class UsesItsLayers(nn.Module):
    """Copies, saves and looks at a layer of torch's own while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        faster = copy.copy(self.layer)
        faster.stride = (2, 2)
        torch.save(self.layer, io.BytesIO())
        assert list(inspect.signature(self.layer.forward).parameters) == ["input"]
        assert self.layer.forward.__self__ is self.layer
        return faster(self.layer(x))


def test_layers_are_themselves_while_they_are_recorded() -> None:
    model, image = UsesItsLayers(), torch.randn(1, 3, 16, 16)
    forward = nn.Conv2d.__dict__["forward"]
    recorder = Recorder(model)
    output = real_pass(model, ([image], {}), recorder, 0)
    assert output.shape == model(image).shape == (1, 3, 6, 6)
    assert recorder.root is not None
    assert [call.path for call in recorder.root.called] == ["layer"]
    assert nn.Conv2d.__dict__["forward"] is forward
    assert "forward" not in nn.BatchNorm2d.__dict__
