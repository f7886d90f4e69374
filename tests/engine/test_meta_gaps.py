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


def _outcome(one_pass: Any, layer: nn.Module, shape: tuple[int, ...]) -> object:
    """The shape that comes out, or how the complaint begins."""
    arguments: Any = ([torch.zeros(shape)], {})
    try:
        more = ("cpu", 0) if one_pass is meta_pass else (0,)
        return one_pass(layer, arguments, Recorder(layer), *more).shape
    except RuntimeError as refused:
        return str(refused)[:40]
