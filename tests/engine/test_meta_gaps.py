"""Passes on meta refuse what passes on values refuse."""

from typing import Any

import pytest
import torch
from torch import nn

from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import meta_pass, real_pass

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
