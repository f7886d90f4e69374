"""The settings of a layer in one line, written as PyTorch prints them.

One entry for each class of ``torch.nn``; the form of each is what its ``extra_repr()`` gives.
"""

from collections.abc import Callable, Mapping

from inspector.files.catalog import Setting

Settings = Mapping[str, Setting]
MOST_SHOWN = 8


def layer_text(class_path: str, settings: Settings, bias: bool) -> str:
    """What PyTorch would print for a layer of its own; for any other class, its settings by name.

    `bias` says whether the module has a bias. "" where the settings that belong to the class are not all there.
    """
    if not class_path.startswith("torch.nn."):
        shown = [f"{name}={_value(value)}" for name, value in settings.items() if value is not None]
        return ", ".join(shown[:MOST_SHOWN]) + (", …" if len(shown) > MOST_SHOWN else "")
    write = _TEXTS.get(class_path.rpartition(".")[2])
    if write is None:
        return ""
    try:
        return ", ".join(part for part in write({**settings, "": bias}) if part)
    except (KeyError, TypeError):
        return ""


def _value(value: Setting) -> str:
    if isinstance(value, list):
        return f"({', '.join(map(repr, value))}{',' if len(value) == 1 else ''})"
    return str(value)


def _named(*names: str) -> Callable[[Settings], list[str]]:
    return lambda settings: [f"{name}={_value(settings[name])}" for name in names]


def _plain(*names: str) -> Callable[[Settings], list[str]]:
    return lambda settings: [_value(settings[name]) for name in names]


def _quoted(*names: str) -> Callable[[Settings], list[str]]:
    return lambda settings: [f"{name}={settings[name]!r}" for name in names]


def _unless(settings: Settings, **usual: Setting) -> list[str]:
    """The settings that are not what they usually are; those of older files that lack them are left out."""
    return [f"{name}={_value(settings[name])}" for name, value in usual.items() if settings.get(name, value) != value]


def _in_place(settings: Settings) -> list[str]:
    return ["inplace=True"] if settings.get("inplace") else []


def _activation(*names: str) -> Callable[[Settings], list[str]]:
    return lambda settings: [*_named(*names)(settings), *_in_place(settings)]


def _convolution(settings: Settings) -> list[str]:
    kernel = settings["kernel_size"]
    count = len(kernel) if isinstance(kernel, list) else 1
    zeros: Setting = [0] * count
    ones: Setting = [1] * count
    return [
        *_plain("in_channels", "out_channels")(settings),
        *_named("kernel_size", "stride")(settings),
        *_unless(settings, padding=zeros, dilation=ones, output_padding=zeros, groups=1),
        "" if settings[""] else "bias=False",
        *_unless(settings, padding_mode="zeros"),
    ]


def _embedding(settings: Settings) -> list[str]:
    return [
        *_plain("num_embeddings", "embedding_dim")(settings),
        *_unless(settings, padding_idx=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, sparse=False),
    ]


def _embedding_bag(settings: Settings) -> list[str]:
    return [
        *_plain("num_embeddings", "embedding_dim")(settings),
        *_unless(settings, max_norm=None, norm_type=2, scale_grad_by_freq=False),
        *_quoted("mode")(settings),
        *_unless(settings, padding_idx=None),
    ]


def _recurrent(settings: Settings) -> list[str]:
    usual: dict[str, Setting] = {
        "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
    }  # fmt: skip
    return [*_plain("input_size", "hidden_size")(settings), *_unless(settings, **usual)]


def _cell(settings: Settings) -> list[str]:
    return [*_plain("input_size", "hidden_size")(settings), *_unless(settings, bias=True, nonlinearity="tanh")]


def _batch_norm(settings: Settings) -> list[str]:
    return [
        *_plain("num_features")(settings),
        *_named("eps", "momentum", "affine")(settings),
        f"bias={settings['']}",
        *_named("track_running_stats")(settings),
    ]


def _upsampling(settings: Settings) -> list[str]:
    scaled = settings["scale_factor"] is not None
    size = f"scale_factor={_repr(settings['scale_factor'])}" if scaled else f"size={_repr(settings['size'])}"
    return [size, *_quoted("mode")(settings)]


def _repr(value: Setting) -> str:
    return _value(value) if isinstance(value, list) else repr(value)


def _with_bias(write: Callable[[Settings], list[str]]) -> Callable[[Settings], list[str]]:
    return lambda settings: [*write(settings), f"bias={settings['']}"]


def _norm(plain: tuple[str, ...], named: tuple[str, ...]) -> Callable[[Settings], list[str]]:
    return lambda settings: [*_plain(*plain)(settings), *_named(*named)(settings)]


def _each_rank(name: str, write: Callable[[Settings], list[str]]) -> dict[str, Callable[[Settings], list[str]]]:
    return {f"{name}{rank}d": write for rank in (1, 2, 3)}


_POOL = ("kernel_size", "stride", "padding")
_RESPONSE = _norm(("size",), ("alpha", "beta", "k"))
_TEXTS: dict[str, Callable[[Settings], list[str]]] = {
    **_each_rank("Conv", _convolution),
    **_each_rank("ConvTranspose", _convolution),
    **_each_rank("MaxPool", _named(*_POOL, "dilation", "ceil_mode")),
    **_each_rank("MaxUnpool", _named(*_POOL)),
    **_each_rank("AvgPool", _named(*_POOL)),
    **_each_rank("LPPool", _named("norm_type", "kernel_size", "stride", "ceil_mode")),
    **_each_rank("AdaptiveAvgPool", _named("output_size")),
    **_each_rank("AdaptiveMaxPool", _named("output_size")),
    **_each_rank("BatchNorm", _batch_norm),
    "SyncBatchNorm": _batch_norm,
    **_each_rank("InstanceNorm", _batch_norm),
    **_each_rank("Dropout", _named("p", "inplace")),
    **dict.fromkeys(("Dropout", "AlphaDropout", "FeatureAlphaDropout"), _named("p", "inplace")),
    **_each_rank("ConstantPad", _named("padding", "value")),
    **{name: write for kind in ("Zero", "Reflection", "Replication", "Circular")
       for name, write in _each_rank(f"{kind}Pad", _plain("padding")).items()},
    "Linear": _with_bias(_named("in_features", "out_features")),
    "NonDynamicallyQuantizableLinear": _with_bias(_named("in_features", "out_features")),
    "Bilinear": _with_bias(_named("in1_features", "in2_features", "out_features")),
    "LayerNorm": _with_bias(_norm(("normalized_shape",), ("eps", "elementwise_affine"))),
    "GroupNorm": _with_bias(_norm(("num_groups", "num_channels"), ("eps", "affine"))),
    "RMSNorm": _norm(("normalized_shape",), ("eps", "elementwise_affine")),
    "LocalResponseNorm": _RESPONSE, "CrossMapLRN2d": _RESPONSE,
    "Embedding": _embedding, "EmbeddingBag": _embedding_bag,
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _recurrent),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _cell),
    **dict.fromkeys(("ReLU", "ReLU6", "SiLU", "Mish", "SELU"), _in_place),
    "Threshold": _activation("threshold", "value"), "RReLU": _activation("lower", "upper"),
    "Hardtanh": _activation("min_val", "max_val"), "LeakyReLU": _activation("negative_slope"),
    "ELU": _activation("alpha"), "CELU": _activation("alpha"),
    "GELU": _quoted("approximate"), "GLU": _named("dim"), "PReLU": _named("num_parameters"),
    "Hardshrink": _plain("lambd"), "Softshrink": _plain("lambd"), "Softplus": _named("beta", "threshold"),
    "Softmin": _named("dim"), "Softmax": _named("dim"), "LogSoftmax": _named("dim"),
    "Upsample": _upsampling, "UpsamplingNearest2d": _upsampling, "UpsamplingBilinear2d": _upsampling,
    "PixelShuffle": _named("upscale_factor"), "PixelUnshuffle": _named("downscale_factor"),
    "ChannelShuffle": _named("groups"),
    "Flatten": _named("start_dim", "end_dim"), "Unflatten": _named("dim", "unflattened_size"),
    "Fold": _named("output_size", "kernel_size", "dilation", "padding", "stride"),
    "Unfold": _named("kernel_size", "dilation", "padding", "stride"),
}  # fmt: skip
