"""Networks whose receptive fields are awkward, small enough to be poisoned column by column."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Network = tuple[nn.Module, tuple[int, ...]]
NETWORKS: dict[str, Callable[[], Network]] = {}


def network(*shape: int) -> Callable[[Callable[[], nn.Module]], Callable[[], nn.Module]]:
    """Register what makes a network for one sample of `shape`."""

    def register(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        NETWORKS[make.__name__] = lambda: (make(), (1, *shape))
        return make

    return register


class Calls(nn.Module):
    """A network that is one function of its input and its layers."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Any:
        return self._forward(self, x)


def conv(kernel: Any = 3, channels: int = 2, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(channels, settings.pop("out", channels), kernel, **settings)


@network(2, 40, 36)
def dilated() -> nn.Module:
    return nn.Sequential(
        conv(3, dilation=2),
        conv((3, 2), dilation=(1, 3), padding=(1, 0)),
        conv(3, stride=2),
        conv(3, dilation=4, padding=4),
    )


@network(2, 40, 36)
def per_axis() -> nn.Module:
    return nn.Sequential(
        conv((1, 5), stride=(1, 2), padding=(0, 2)),
        conv((5, 1), stride=(3, 1)),
        nn.MaxPool2d((2, 3), (1, 2)),
        conv((2, 4), padding="same"),
    )


@network(2, 41, 38)
def ceil_mode() -> nn.Module:
    return nn.Sequential(
        nn.MaxPool2d(3, 2, ceil_mode=True),
        conv(3, padding=1),
        nn.AvgPool2d(2, 2, 1, ceil_mode=True),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(2, 3, ceil_mode=True),
    )


@network(2, 40, 36)
def functional_pools() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = F.relu6(m.a(x)).clamp(0, 6)
        x = F.max_pool2d(x, 2)
        x = F.hardswish(m.b(x)) + F.avg_pool2d(x, 3, 1, 1)
        x = F.lp_pool2d(F.hardsigmoid(x), 2, 2, 1)
        return torch.max_pool2d(F.silu(x), 3, 2, 1)

    return Calls(forward, a=conv(5, stride=2, padding=2), b=conv(3, padding=1))


@network(2, 40, 36)
def misaligned() -> nn.Module:
    return Calls(
        lambda m, x: m.c(torch.cat([m.a(x)[:, :, :36, :32], m.b(x)[:, :, :36, :32]], 1)),
        a=conv(3, padding=1),
        b=conv(3),
        c=conv(3, 4),
    )


@network(2, 48, 40)
def different_strides() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        a = m.a(x)
        return m.c(a + m.b(x)[:, :, : a.shape[2], : a.shape[3]])

    return Calls(forward, a=conv(3, stride=2), b=conv(3), c=conv(3))


@network(2, 32, 32)
def hourglass() -> nn.Module:
    def stage(m: Any, x: Tensor, depth: int) -> Tensor:
        low = m.down(F.max_pool2d(x, 2))
        if depth:
            low = stage(m, low, depth - 1)
        return m.skip(x) + F.interpolate(m.up(low), scale_factor=2)

    return Calls(lambda m, x: stage(m, stage(m, x, 2), 2), down=conv(3, padding=1), skip=conv(1), up=conv(3, padding=1))


@network(2, 40, 36)
def called_three_times() -> nn.Module:
    return Calls(lambda m, x: m.a(m.pool(m.a(m.pool(m.a(x))))), a=conv(3, padding=1, stride=1), pool=nn.MaxPool2d(2, 1))


@network(2, 44, 37)
def unet_cropped() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        a = F.relu(m.a(x))
        b = F.relu(m.b(F.max_pool2d(a, 2)))
        c = F.relu(m.c(F.max_pool2d(b, 2)))
        up = m.up(c)
        dy, dx = (b.shape[2] - up.shape[2]) // 2, (b.shape[3] - up.shape[3]) // 2
        b = m.d(torch.cat([b[:, :, dy : dy + up.shape[2], dx : dx + up.shape[3]], up], 1))
        up = m.up2(b)
        top = a.shape[2] - up.shape[2]
        left = a.shape[3] - up.shape[3]
        return m.e(torch.cat([a, F.pad(up, [left // 2, left - left // 2, top // 2, top - top // 2])], 1))

    return Calls(
        forward,
        a=conv(3),
        b=conv(3),
        c=conv(3),
        d=conv(3, 4, out=2),
        e=conv(1, 4),
        up=nn.ConvTranspose2d(2, 2, 2, 2),
        up2=nn.ConvTranspose2d(2, 2, 2, 2),
    )


@network(2, 30, 34)
def inception() -> nn.Module:
    return Calls(
        lambda m, x: m.out(torch.cat([m.one(x), m.three(x), m.pool(x), m.wide(m.tall(x))], 1)),
        one=conv(1), three=nn.Sequential(conv(1), conv(3, padding=1)), pool=nn.AvgPool2d(3, 1, 1),
        wide=conv((1, 7), padding=(0, 3)), tall=conv((7, 1), padding=(3, 0)), out=conv(3, 8, stride=2),
    )  # fmt: skip


@network(2, 40, 36)
def aspp() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.stem(x)
        parts = [m.a(x), m.b(x), m.c(x)]
        parts.append(
            F.interpolate(m.d(F.adaptive_avg_pool2d(x, 1)), x.shape[-2:], mode="bilinear", align_corners=False)
        )
        return m.out(torch.cat(parts, 1))

    return Calls(
        forward,
        stem=conv(3, stride=2, padding=1),
        a=conv(1),
        b=conv(3, padding=2, dilation=2),
        c=conv(3, padding=4, dilation=4),
        d=conv(1),
        out=conv(1, 8),
    )


@network(2, 40, 48)
def pyramid() -> nn.Module:
    def forward(m: Any, x: Tensor) -> list[Tensor]:
        c1 = m.a(x)
        c2 = m.b(c1)
        c3 = m.c(c2)
        p2 = c2 + F.interpolate(c3, c2.shape[-2:], mode="nearest")
        p1 = c1 + F.interpolate(p2, c1.shape[-2:], mode="nearest")
        return [m.out(p1), m.out(p2), m.out(c3)]

    return Calls(
        forward,
        a=conv(3, stride=2, padding=1),
        b=conv(3, stride=2, padding=1),
        c=conv(3, stride=2, padding=1),
        out=conv(3, padding=1),
    )


def _resized(**settings: Any) -> Callable[[], nn.Module]:
    return lambda: Calls(lambda m, x: m.b(F.interpolate(m.a(x), **settings)), a=conv(3, padding=1), b=conv(3))


for _name, _settings in {
    "nearest_up": {"scale_factor": 2},
    "nearest_odd": {"size": (33, 50)},
    "nearest_down": {"size": (9, 7)},
    "nearest_scaled": {"scale_factor": 1.7},
    "nearest_recomputed": {"scale_factor": 1.7, "recompute_scale_factor": True},
    "nearest_exact": {"size": (33, 50), "mode": "nearest-exact"},
    "nearest_exact_down": {"scale_factor": 0.4, "mode": "nearest-exact"},
    "bilinear_up": {"scale_factor": 2, "mode": "bilinear"},
    "bilinear_thrice": {"scale_factor": 3, "mode": "bilinear"},
    "bilinear_down": {"size": (8, 7), "mode": "bilinear"},
    "bilinear_third": {"scale_factor": 1 / 3, "mode": "bilinear"},
    "bilinear_corners": {"size": (47, 39), "mode": "bilinear", "align_corners": True},
    "bilinear_corners_odd": {"size": (33, 51), "mode": "bilinear", "align_corners": True},
    "bilinear_corners_down": {"size": (9, 8), "mode": "bilinear", "align_corners": True},
    "bilinear_antialias": {"size": (10, 9), "mode": "bilinear", "antialias": True},
    "bilinear_antialias_up": {"size": (50, 33), "mode": "bilinear", "antialias": True},
    "bicubic_up": {"scale_factor": 2, "mode": "bicubic"},
    "bicubic_down": {"scale_factor": 1 / 3, "mode": "bicubic"},
    "bicubic_corners": {"size": (47, 39), "mode": "bicubic", "align_corners": True},
    "bicubic_antialias": {"size": (10, 9), "mode": "bicubic", "antialias": True},
    "area_down": {"size": (10, 7), "mode": "area"},
    "area_up": {"size": (40, 33), "mode": "area"},
    "bilinear_scaled": {"scale_factor": (1.3, 0.6), "mode": "bilinear"},
}.items():
    _make = _resized(**_settings)
    _make.__name__ = _name
    network(2, 24, 20)(_make)


@network(2, 20, 18)
def shuffled() -> nn.Module:
    return nn.Sequential(
        conv(3, out=8),
        nn.PixelShuffle(2),
        conv(3),
        nn.PixelUnshuffle(2),
        conv(3, 8),
        nn.PixelShuffle(2),
        conv(2, padding=1),
    )


@network(3, 16, 14)
def decoder() -> nn.Module:
    up = nn.ConvTranspose2d
    return nn.Sequential(
        up(3, 2, 4, 2, 1),
        conv(3, padding=1),
        up(2, 2, 3, 2, 1, 1),
        conv(3),
        up(2, 2, 2, 2),
        up(2, 2, 5, 3, 2, 2, dilation=1),
    )


@network(2, 30, 28)
def transposed_gaps() -> nn.Module:
    up = nn.ConvTranspose2d
    return nn.Sequential(
        conv(3, stride=2),
        up(2, 2, 3, 2, 1, dilation=2),
        conv(3),
        up(2, 2, 2, 3),
        conv(3),
        up(2, 2, (3, 1), (1, 2), dilation=(3, 1)),
    )


@network(2, 40, 36)
def sliced() -> nn.Module:
    return Calls(
        lambda m, x: m.b(torch.cat([m.a(x)[:, :, ::2, 1::2], m.a(x)[:, :, 1::2, ::2]], 1))[..., 1:-1, 2:].flip(3),
        a=conv(3, padding=1),
        b=conv(3, 4),
    )


@network(2, 24, 22)
def rolled() -> nn.Module:
    return Calls(lambda m, x: m.b(torch.roll(m.a(x), (3, -2), (2, 3))), a=conv(3, padding=1), b=conv(3, padding=1))


@network(2, 24, 22)
def rolled_back() -> nn.Module:
    return Calls(
        lambda m, x: m.b(torch.roll(torch.roll(m.a(x), (3, -2), (2, 3)), (-3, 2), (2, 3))),
        a=conv(3, padding=1),
        b=conv(3),
    )


@network(2, 24, 22)
def circular() -> nn.Module:
    return nn.Sequential(
        conv(3, padding=1, padding_mode="circular"), conv(5, padding=2, padding_mode="circular"), conv(3)
    )


@network(2, 24, 22)
def reflected() -> nn.Module:
    return nn.Sequential(
        conv(3, padding=1, padding_mode="reflect"),
        nn.ReflectionPad2d((3, 0, 0, 4)),
        conv(3, stride=2),
        nn.ReflectionPad2d(2),
        conv(2),
    )


@network(2, 12, 10)
def tiled() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        return m.b(m.a(x).repeat(1, 1, 2, 1).repeat_interleave(2, 3))

    return Calls(forward, a=conv(3), b=conv(2))


@network(2, 24, 22)
def replicated() -> nn.Module:
    return nn.Sequential(
        conv(3, padding=1, padding_mode="replicate"), nn.ReplicationPad2d((5, 0, 0, 4)), conv(3, stride=2)
    )


@network(2, 24, 22)
def padded_every_way() -> nn.Module:
    return nn.Sequential(
        nn.ZeroPad2d((3, 0, 1, 2)), conv(3), nn.ZeroPad2d((-2, 1, 0, -3)), nn.ConstantPad2d(2, 1.0), conv(5, stride=2)
    )


@network(2, 24, 24)
def unfolded() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        columns = F.unfold(m.a(x), 3, padding=1, stride=2)
        mixed = m.mix(columns.transpose(1, 2)).transpose(1, 2)
        return m.b(mixed.reshape(1, 2, 12, 12))

    return Calls(forward, a=conv(3, padding=1), mix=nn.Linear(18, 2), b=conv(3))


@network(2, 24, 24)
def folded() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        columns = F.unfold(m.a(x), 4, stride=2, padding=1)
        return m.b(F.fold(m.mix(columns), (24, 24), 4, stride=2, padding=1))

    return Calls(forward, a=conv(3, padding=1), mix=nn.Conv1d(32, 32, 1), b=conv(3))


@network(2, 12, 14)
def adaptive_uneven() -> nn.Module:
    return nn.Sequential(conv(3), nn.AdaptiveAvgPool2d((7, 5)), conv(2), nn.AdaptiveMaxPool2d((4, None)))


@network(4, 60)
def causal() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        for layer, dilation in ((m.a, 1), (m.b, 2), (m.c, 4)):
            y = layer(x)
            x = x + F.relu(y[:, :, : -2 * dilation])
        return m.head(F.pad(x, (3, 0)))

    layers = {name: nn.Conv1d(4, 4, 3, padding=2 * d, dilation=d) for name, d in (("a", 1), ("b", 2), ("c", 4))}
    return Calls(forward, head=nn.Conv1d(4, 2, 4), **layers)


@network(2, 10, 18, 16)
def video() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(2, 2, (1, 3, 3), (1, 2, 2), (0, 1, 1)),
        nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0)),
        nn.BatchNorm3d(2),
        nn.MaxPool3d((2, 2, 1), (2, 2, 1)),
        nn.Conv3d(2, 2, 3, padding=1),
        nn.AvgPool3d((1, 2, 2), stride=(1, 1, 2)),
    )


@network(2, 24, 20)
def gated() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x)
        return m.b(x * torch.sigmoid(m.fc(x.mean((2, 3), keepdim=True))))

    return Calls(forward, a=conv(3, stride=2, padding=1), fc=conv(1), b=conv(3))


@network(2, 12, 10)
def non_local() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x)
        q, k, v = (layer(x).flatten(2) for layer in (m.q, m.k, m.v))
        weights = torch.softmax(q.transpose(1, 2) @ k, -1)
        return m.b(x + (v @ weights.transpose(1, 2)).view_as(x))

    return Calls(forward, a=conv(3, padding=1), q=conv(1), k=conv(1), v=conv(1), b=conv(3))


@network(2, 16, 14)
def normed() -> nn.Module:
    return nn.Sequential(
        conv(3, out=4),
        nn.GroupNorm(2, 4),
        conv(3, 4),
        nn.InstanceNorm2d(4),
        conv(3, 4),
        nn.LocalResponseNorm(2),
        nn.BatchNorm2d(4),
    )


@network(3, 32, 28)
def channels_last() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.stem(x)
        y = m.fc(F.gelu(m.norm(m.depth(x).permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)
        return m.down(x + y)

    return Calls(
        forward,
        stem=nn.Conv2d(3, 4, 4, 4),
        depth=nn.Conv2d(4, 4, 7, padding=3, groups=4),
        norm=nn.LayerNorm(4),
        fc=nn.Linear(4, 4),
        down=nn.Conv2d(4, 4, 2, 2),
    )


@network(3, 32, 24)
def patches() -> nn.Module:
    """Tokens, mixed one by one, put back on the grid."""

    def forward(m: Any, x: Tensor) -> Tensor:
        tokens = m.norm(m.embed(x).flatten(2).transpose(1, 2))
        tokens = tokens + m.fc(tokens)
        return m.out(tokens.transpose(1, 2).reshape(1, 4, 8, 6))

    return Calls(
        forward,
        embed=nn.Conv2d(3, 4, 4, 4),
        norm=nn.LayerNorm(4),
        fc=nn.Linear(4, 4),
        out=nn.Conv2d(4, 2, 3, padding=1),
    )


@network(3, 32, 24)
def patches_by_hand() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = x.reshape(1, 3, 8, 4, 6, 4).permute(0, 2, 4, 3, 5, 1).reshape(1, 48, 48)
        return m.fc(x).transpose(1, 2).reshape(1, 4, 8, 6)

    return Calls(forward, fc=nn.Linear(48, 4))


@network(3, 32, 24)
def patches_by_einsum() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = torch.einsum("bchpwq->bhwpqc", x.unflatten(3, (6, 4)).unflatten(2, (8, 4))).flatten(3)
        return torch.einsum("bhwc,cd->bdhw", x, m.fc.weight.T)

    return Calls(forward, fc=nn.Linear(48, 4))


@network(2, 16, 16)
def windows() -> nn.Module:
    """Attention within windows, the second time shifted by half a window."""

    def attend(m: Any, x: Tensor, shift: int) -> Tensor:
        if shift:
            x = torch.roll(x, (-shift, -shift), (1, 2))
        b, h, w, c = x.shape
        y = x.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        q, k, v = m.qkv(y).chunk(3, -1)
        y = F.scaled_dot_product_attention(q, k, v)
        y = y.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return torch.roll(y, (shift, shift), (1, 2)) if shift else y

    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x).permute(0, 2, 3, 1)
        x = x + attend(m, x, 0)
        x = x + attend(m, x, 2)
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return m.merge(x).permute(0, 3, 1, 2)

    return Calls(forward, a=conv(1), qkv=nn.Linear(2, 6), merge=nn.Linear(8, 4))


@network(3, 16, 16)
def vision_transformer() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([m.embed.bias.expand(1, 1, -1), x], 1)
        x = x + m.fc.weight[0]
        return m.fc(m.layer(x)[:, 0])

    return Calls(
        forward,
        embed=nn.Conv2d(3, 8, 4, 4),
        layer=nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
        fc=nn.Linear(8, 8),
    )


@network(3, 16, 12)
def mixer() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.embed(x).flatten(2).transpose(1, 2)
        x = x + m.channels(x)
        x = x + m.tokens(x.transpose(1, 2)).transpose(1, 2)
        return x.transpose(1, 2).unflatten(2, (4, 3))

    return Calls(forward, embed=nn.Conv2d(3, 8, 4, 4), channels=nn.Linear(8, 8), tokens=nn.Linear(12, 12))


@network(3, 12, 20)
def recurrent_over_width() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x)
        b, c, h, w = x.shape
        y, _ = m.rnn(x.permute(0, 3, 1, 2).reshape(b, w, c * h))
        return m.out(y)

    return Calls(
        forward,
        a=nn.Conv2d(3, 2, 3, stride=(2, 1), padding=1),
        rnn=nn.GRU(12, 4, batch_first=True),
        out=nn.Linear(4, 3),
    )


@network(2, 12, 20)
def axial_attention() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(b * h, w, c)
        rows = F.scaled_dot_product_attention(rows, rows, rows).reshape(b, h, w, c).permute(0, 3, 1, 2)
        return m.a(rows)

    return Calls(forward, a=conv(3, padding=1))


@network(4, 16, 14)
def taken_apart() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        a, b = m.a(x).chunk(2, 1)
        rows = torch.stack(b.unbind(2), 2)
        left, right = a.split([7, 7], 3)
        return m.b(torch.cat([left, right], 3) * rows).sum(1).unsqueeze(1)

    return Calls(forward, a=conv(3, 4, padding=1), b=conv(3))


@network(2, 16, 14)
def masked() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x)
        y = torch.where(y > 0.1, y, torch.zeros_like(y))
        return m.b(y.masked_fill(y.isinf(), 0.0)).argmax(1)

    return Calls(forward, a=conv(3, padding=1), b=conv(3))


@network(2, 16, 14)
def cumulated() -> nn.Module:
    return Calls(lambda m, x: m.b(m.a(x).cumsum(3)), a=conv(3, padding=1), b=conv(3, padding=1))


@network(2, 16, 14)
def transformed() -> nn.Module:
    return Calls(lambda m, x: torch.fft.irfft2(torch.fft.rfft2(m.a(x)) * 2, s=(16, 14)), a=conv(3, padding=1))


@network(2, 16, 14)
def sampled() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        grid = F.affine_grid(torch.eye(2, 3, dtype=x.dtype)[None], [1, 2, 8, 8], align_corners=False)
        return F.grid_sample(m.a(x), grid, align_corners=False)

    return Calls(forward, a=conv(3, padding=1))


@network(2, 16, 14)
def picked() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x)
        return torch.index_select(x, 3, torch.tensor([0, 5, 3])).sort(2).values.topk(3, 2).values

    return Calls(forward, a=conv(3, padding=1))


@network(2, 16, 14)
def unpooled() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        y, places = F.max_pool2d(m.a(x), 2, return_indices=True)
        return m.b(F.max_unpool2d(m.c(y), places, 2))

    return Calls(forward, a=conv(3, padding=1), c=conv(3, padding=1), b=conv(3))


@network(2, 16, 14)
def stacked_interleaved() -> nn.Module:
    """Upsampling by hand: two copies stacked behind each axis and flattened."""

    def forward(m: Any, x: Tensor) -> Tensor:
        x = torch.stack([m.a(x), m.b(x)], 4).flatten(3)
        x = torch.stack([x, x], 3).flatten(2, 3)
        return m.c(x)

    return Calls(forward, a=conv(3, padding=1), b=conv(1), c=conv(3))


@network(2, 16, 14)
def repeated() -> nn.Module:
    return Calls(
        lambda m, x: m.a(x.repeat_interleave(2, 2).repeat_interleave(3, 3)).tile(1, 1, 1, 1)[:, :, 1::2], a=conv(3)
    )


@network(2, 16, 14)
def half_resolution_by_view() -> nn.Module:
    return Calls(lambda m, x: m.a(x.view(1, 2, 8, 2, 7, 2).mean((3, 5))), a=conv(3))


@network(2, 16, 14)
def space_to_depth() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = x.view(1, 2, 8, 2, 7, 2).permute(0, 3, 5, 1, 2, 4).reshape(1, 8, 8, 7)
        y = m.a(y)
        return m.b(y.view(1, 2, 2, 2, 6, 5).permute(0, 3, 4, 1, 5, 2).reshape(1, 2, 12, 10))

    return Calls(forward, a=conv(3, 8), b=conv(3))


@network(2, 16, 14)
def halves_differ() -> nn.Module:
    """The upper half goes through a wider window than the lower."""
    return Calls(
        lambda m, x: m.c(torch.cat([m.a(x)[:, :, :8], m.b(x)[:, :, 8:]], 2)), a=conv(5, padding=2), b=conv(1), c=conv(3)
    )


@network(2, 16, 14)
def written_in_place() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x)
        canvas = y.new_zeros(1, 2, 18, 16)
        canvas[:, :, 1:-1, 1:-1] = y
        canvas[:, :, :, :4] += 1
        return m.b(canvas)

    return Calls(forward, a=conv(3, padding=1), b=conv(3))


@network(2, 24, 24)
def blurred() -> nn.Module:
    """Anti-aliased pooling: a fixed kernel over reflected borders, channel by channel."""

    def forward(m: Any, x: Tensor) -> Tensor:
        kernel = torch.ones(2, 1, 3, 3, dtype=x.dtype) / 9
        return F.conv2d(F.pad(F.max_pool2d(m.a(x), 2, 1), (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=2)

    return Calls(forward, a=conv(3, padding=1))


@network(2, 24, 24)
def switched() -> nn.Module:
    return Calls(
        lambda m, x: m.a(x.transpose(2, 3)).swapaxes(2, 3).movedim(1, -1).moveaxis(-1, 1).rot90(1, (2, 3)),
        a=conv((3, 5), stride=(1, 2), padding=(1, 2)),
    )


@network(2, 24, 24)
def sobel() -> nn.Module:
    """Differences by slices and by rolls."""
    return Calls(lambda m, x: m.a(x[:, :, 1:] - x[:, :, :-1])[..., 2:] - x[:, :, 2:-1, 4:], a=conv(3))


@network(2, 20, 20)
def windowed_view() -> nn.Module:
    return Calls(lambda m, x: m.a(x.unfold(2, 3, 1).unfold(3, 5, 2).mean((-1, -2))), a=conv(3))


@network(2, 20, 20)
def differences() -> nn.Module:
    return Calls(lambda m, x: m.a(torch.diff(x, dim=2)), a=conv(3))


@network(6, 20)
def sequence_pooling() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(6, 4, 5, 2, 2),
        nn.MaxPool1d(3, 1, 1, ceil_mode=True),
        nn.Upsample(scale_factor=2, mode="linear"),
        nn.Conv1d(4, 4, 3, dilation=2),
        nn.ConvTranspose1d(4, 2, 3, 2),
    )


@network(2, 20, 20)
def attention_pooling() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        x = m.a(x)
        weights = m.b(x).flatten(2).softmax(-1)
        return (x.flatten(2) * weights).sum(-1)

    return Calls(forward, a=conv(3), b=conv(1, out=1))


COPIES = {name for name in NETWORKS if "linear" in name or "cubic" in name} | {"sequence_pooling"}
"""What their interpolation reads beyond the border is a copy of what lies near it."""
