"""Windows of every shape, and branches that meet."""

import torch
import torch.nn.functional as F
from torch import nn
from zoo_specimen import image, specimen


@specimen(image(1, 3, 11, 12))
def same_padding() -> nn.Module:
    """`padding="same"` with even kernels and dilation: one more pixel on the right than on the left."""
    return nn.Sequential(nn.Conv2d(3, 4, 4, padding="same"), nn.Conv2d(4, 4, (2, 3), dilation=(3, 2), padding="same"))


@specimen(image(1, 3, 17, 19))
def non_square() -> nn.Module:
    """Every setting differs between the axes."""
    return nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(2, 1)),
        nn.MaxPool2d((1, 3), stride=(1, 2), padding=(0, 1)),
    )


@specimen(image(1, 2, 10, 11))
def ceil_mode() -> nn.Module:
    """`ceil_mode`, with a last window that must be dropped since it would begin in the padding."""
    return nn.Sequential(
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.AvgPool2d(2, 2, padding=1, ceil_mode=True),
        nn.MaxPool2d(1, 2, ceil_mode=True),
    )


@specimen(image(1, 2, 13, 13))
def dilated_pool() -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(3, stride=1, dilation=2, padding=1), nn.MaxPool2d(2, dilation=3))


@specimen(image(1, 2, 5, 6))
def output_padding() -> nn.Module:
    """Transposed convolutions: holes between the taps, overlaps, output_padding, groups."""
    return nn.Sequential(
        nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=(1, 0)),
        nn.ConvTranspose2d(4, 4, 2, stride=3, groups=2),
        nn.ConvTranspose2d(4, 1, 3, dilation=2),
    )


@specimen(image(1, 3, 12, 12))
class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
        self.shortcut = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return F.relu(self.body(x) + self.shortcut(x))


@specimen(image(1, 3, 12, 12))
class Inception(nn.Module):
    """Four branches with four receptive fields, joined along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 2, 1)
        self.three = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 5, padding=2))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), nn.Conv2d(3, 2, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


@specimen(image(1, 3, 12, 12))
class SqueezeExcite(nn.Module):
    """The gate sees the whole image, so everything behind it does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * self.gate(x)


@specimen(image(1, 3, 10, 7))
def adaptive_ten_to_seven() -> nn.Module:
    """Bins of different widths; None keeps an axis as it is."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.AdaptiveMaxPool2d((3, None)))


@specimen(image(2, 3, 20))
def one_axis() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(3, 6, 5, stride=2, groups=3), nn.LPPool1d(2, 3), nn.BatchNorm1d(6), nn.Upsample(scale_factor=2)
    )


@specimen(image(1, 2, 6, 7, 8))
def three_axes() -> nn.Module:
    return nn.Sequential(nn.Conv3d(2, 4, (1, 2, 3)), nn.MaxPool3d(2), nn.InstanceNorm3d(4), nn.AdaptiveAvgPool3d(1))


@specimen(image(3, 9, 9))
def without_batch() -> nn.Module:
    """An image without a batch axis, which convolution and pooling accept."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(0), nn.Linear(36, 2))


@specimen(image(1, 2, 8, 8))
class UnpoolWithIndices(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.middle = nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, indices = self.pool(x)
        return self.unpool(self.middle(x), indices)


@specimen(image(1, 2, 9, 9))
def random_windows() -> nn.Module:
    """Pooling windows that are drawn at every call."""
    return nn.Sequential(nn.FractionalMaxPool2d(2, output_ratio=(0.6, 0.7)), nn.Conv2d(2, 2, 2))


@specimen(image(1, 4, 6, 6))
def rearranged() -> nn.Module:
    """Pixels that become channels and channels that become pixels."""
    return nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(16, 8, 1), nn.ChannelShuffle(2), nn.PixelShuffle(2), nn.ZeroPad2d((1, 2, 3, 0)),
        nn.Upsample((7, 5), mode="bilinear"), nn.Unfold(3), nn.Fold((7, 5), 3),
    )  # fmt: skip
