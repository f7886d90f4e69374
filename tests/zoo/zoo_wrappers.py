"""Models inside something: wrappers, parametrisations, lazy layers, and a submodule that only looks like a wrapper."""

import torch
from torch import nn
from torch.nn.utils import parametrizations
from zoo_specimen import image, specimen


def small() -> nn.Sequential:
    """A convolution block for 8×8 images."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


@specimen(image(2, 3, 8, 8))
def parallel_root() -> nn.Module:
    return nn.DataParallel(small())


@specimen(image(2, 3, 8, 8))
def parallel_inside() -> nn.Module:
    """DataParallel in the middle, around a module that is also registered outside of it."""
    net = small()
    return nn.Sequential(nn.DataParallel(net), nn.Flatten(), nn.Linear(4 * 6 * 6, 2), net[2])


@specimen(image(2, 3, 8, 8))
class NotAWrapper(nn.Module):
    """Its submodule is called `module` for no reason."""

    def __init__(self) -> None:
        super().__init__()
        self.module = small()
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.module(x).mean(dim=(2, 3)))


@specimen(image(2, 3, 8, 8))
def parametrized() -> nn.Module:
    """Weights that are computed from others at every use."""
    conv = parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    return nn.Sequential(conv, nn.Flatten(), parametrizations.spectral_norm(nn.Linear(144, 2)))


@specimen(image(2, 3, 8, 8))
def lazy() -> nn.Module:
    """Nothing has a shape before the first pass, in nested containers too."""
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.Sequential(nn.LazyBatchNorm2d(), nn.Flatten()), nn.LazyLinear(2))


@specimen(image(2, 3, 8, 8))
def averaged() -> nn.Module:
    """Stochastic weight averaging: `module.` in front, and a counter beside it."""
    return torch.optim.swa_utils.AveragedModel(small())


@specimen(image(2, 3, 8, 8))
def low_precision() -> nn.Module:
    """Two dtypes in one model, and channels-last weights."""
    net = small().to(memory_format=torch.channels_last)
    return nn.Sequential(net, ToHalf(), nn.Linear(6, 2).to(torch.bfloat16))


class ToHalf(nn.Module):
    """The border between the dtypes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.bfloat16)
