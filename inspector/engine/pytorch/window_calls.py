"""How calls of convolutions, poolings and resampling functions are read."""

from collections.abc import Sequence
from fractions import Fraction

from inspector.core.field_rules.windows import same_padding
from inspector.core.fields import Shape
from inspector.engine.pytorch.op_calls import Arguments, Reader, Reading, each, rank_of, reads


@reads("conv1d conv2d conv3d", "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
def _convolution(a: Arguments, outputs: list[Shape]) -> Reading:
    kernel = list(a["weight"].shape[2:])
    count = len(kernel)
    dilation = each(a["dilation"], count)
    padding = after = [0] * count
    if a["padding"] == "same":
        padding = same_padding(kernel, dilation)
        after = [step * (size - 1) - left for step, size, left in zip(dilation, kernel, padding, strict=True)]
    elif a["padding"] != "valid":
        padding = after = each(a["padding"], count)
    settings = {
        "kernel": kernel,
        "stride": each(a["stride"], count),
        "padding": padding,
        "padding_after": after,
        "dilation": dilation,
        "axes": count,
    }
    return Reading("conv", [a["input"]], settings, [a["weight"], a["bias"]])


@reads(
    "conv_transpose1d conv_transpose2d conv_transpose3d",
    "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1",
)
def _transposed_convolution(a: Arguments, outputs: list[Shape]) -> Reading:
    kernel = list(a["weight"].shape[2:])
    count = len(kernel)
    settings = {name: each(a[name], count) for name in ("stride", "padding", "dilation", "output_padding")}
    return Reading(
        "conv_transpose", [a["input"]], {"kernel": kernel, "axes": count, **settings}, [a["weight"], a["bias"]]
    )


def _pool_settings(a: Arguments, count: int) -> dict[str, object]:
    kernel = each(a["kernel_size"], count)
    padding = each(a.get("padding", 0), count)
    return {
        "kernel": kernel,
        "stride": each(a["stride"], count) if a.get("stride") not in (None, [], ()) else kernel,
        "padding": padding,
        "padding_after": padding,
        "dilation": each(a.get("dilation", 1), count),
        "dilated": "dilation" in a,
        "ceil_mode": bool(a.get("ceil_mode")),
        "axes": count,
    }


def _pool_reader(count: int) -> Reader:
    return lambda a, outputs: Reading("pool", [a["input"]], _pool_settings(a, count))


def _unpool_reader(count: int) -> Reader:
    def read(a: Arguments, outputs: list[Shape]) -> Reading:
        settings = {**_pool_settings(a, count), "given": a["output_size"] is not None}
        return Reading("max_unpool", [a["input"], a["indices"]], settings)

    return read


def _fractional_reader(count: int) -> Reader:
    def read(a: Arguments, outputs: list[Shape]) -> Reading:
        ratio = a["output_ratio"]
        ratios = None if ratio is None else list(ratio) if isinstance(ratio, list | tuple) else [ratio] * count
        settings = {"kernel": each(a["kernel_size"], count), "ratio": ratios, "axes": count}
        return Reading("fractional_pool", [a["input"]], settings)

    return read


def _adaptive_reader(count: int) -> Reader:
    def read(a: Arguments, outputs: list[Shape]) -> Reading:
        size = a["output_size"]
        wanted = list(size) if isinstance(size, list | tuple) else [size] * count
        return Reading("adaptive_pool", [a["input"]], {"wanted": wanted, "axes": count})

    return read


for _count in (1, 2, 3):
    reads(
        f"max_pool{_count}d", "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False"
    )(_pool_reader(_count))
    reads(f"avg_pool{_count}d", "input kernel_size stride=None padding=0 ceil_mode=False")(_pool_reader(_count))
    reads(f"lp_pool{_count}d", "input norm_type kernel_size stride=None ceil_mode=False")(_pool_reader(_count))
    reads(f"max_unpool{_count}d", "input indices kernel_size stride=None padding=0 output_size=None")(
        _unpool_reader(_count)
    )
    reads(f"fractional_max_pool{_count}d", "input kernel_size output_size=None output_ratio=None")(
        _fractional_reader(_count)
    )
    reads(f"adaptive_max_pool{_count}d adaptive_avg_pool{_count}d", "input output_size")(_adaptive_reader(_count))


@reads("unfold", "input kernel_size dilation=1 padding=0 stride=1")
def _unfold(a: Arguments, outputs: list[Shape]) -> Reading:
    settings = {name: each(a[name], 2) for name in ("dilation", "padding", "stride")}
    kernel = each(a["kernel_size"], 2)
    blocks = _blocks(a["input"].shape[-2:], kernel, settings)
    return Reading("unfold", [a["input"]], {"kernel": kernel, "blocks": blocks, "axes": 2, **settings})


@reads(
    "interpolate upsample",
    "input size=None scale_factor=None mode=nearest align_corners=None recompute_scale_factor=None antialias=False",
)
def _interpolation(a: Arguments, outputs: list[Shape]) -> Reading:
    count = rank_of(a["input"]) - 2
    scale = a["scale_factor"]
    ratio: list[Fraction] | None = None
    if scale is not None and not a["recompute_scale_factor"]:
        scales = list(scale) if isinstance(scale, list | tuple) else [scale] * count
        ratio = [1 / Fraction(float(part)).limit_denominator(1 << 12) for part in scales]
    settings = {
        "mode": a["mode"], "align_corners": bool(a["align_corners"]), "antialias": bool(a["antialias"]),
        "ratio": ratio, "axes": count, "scale": scale,
    }  # fmt: skip
    return Reading("interpolate", [a["input"]], settings)


@reads("upsample_nearest", "input size=None scale_factor=None")
def _upsample_nearest(a: Arguments, outputs: list[Shape]) -> Reading:
    count = rank_of(a["input"]) - 2
    return Reading("interpolate", [a["input"]], {"mode": "nearest", "axes": count, "scale": a["scale_factor"]})


@reads("upsample_bilinear", "input size=None scale_factor=None")
def _upsample_bilinear(a: Arguments, outputs: list[Shape]) -> Reading:
    count = rank_of(a["input"]) - 2
    settings = {"mode": "bilinear", "align_corners": True, "axes": count, "scale": a["scale_factor"]}
    return Reading("interpolate", [a["input"]], settings)


@reads("pixel_shuffle", "input upscale_factor")
def _pixel_shuffle(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("pixel_shuffle", [a["input"]], {"factor": int(a["upscale_factor"])})


@reads("pixel_unshuffle", "input downscale_factor")
def _pixel_unshuffle(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("pixel_unshuffle", [a["input"]], {"factor": int(a["downscale_factor"])})


@reads("pad constant_pad_nd", "input pad mode=constant value=None")
def _pad(a: Arguments, outputs: list[Shape]) -> Reading:
    rank = rank_of(a["input"])
    before = [0] * rank
    # The list starts at the last dimension: (left, right, top, bottom, …).
    for place, amount in enumerate(list(a["pad"])[::2]):
        before[rank - 1 - place] = int(amount)
    return Reading("pad", [a["input"]], {"padding": before, "mode": "wrap" if a["mode"] == "circular" else a["mode"]})


@reads("fold", "input output_size kernel_size dilation=1 padding=0 stride=1")
def _fold(a: Arguments, outputs: list[Shape]) -> Reading:
    settings = {name: each(a[name], 2) for name in ("dilation", "padding", "stride")}
    kernel = each(a["kernel_size"], 2)
    blocks = _blocks(outputs[0][-2:], kernel, settings)
    return Reading("fold", [a["input"]], {"kernel": kernel, "blocks": blocks, "axes": 2, **settings})


def _blocks(sizes: Sequence[int], kernel: list[int], settings: dict[str, list[int]]) -> list[int]:
    """How many windows lie along each axis."""
    return [
        (size + 2 * pad - step * (width - 1) - 1) // stride + 1
        for size, pad, step, width, stride in zip(
            sizes, settings["padding"], settings["dilation"], kernel, settings["stride"], strict=True
        )
    ]


@reads("grid_sample", "input grid")
def _grid_sample(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("sample", [a["input"], a["grid"]], {"name": "grid_sample"})
