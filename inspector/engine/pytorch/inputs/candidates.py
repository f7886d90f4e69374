"""Inputs for a model by its layers alone: as if each of the first ones were what an input meets first.

Where a repaired guess comes to nothing, as with layers of the model's own that say nothing of what they want.
"""

from collections.abc import Iterator

from msgspec.structs import replace
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.recipe import DTYPES, InputSpec
from inspector.engine.pytorch.inputs.repairing import Guess
from inspector.engine.pytorch.inputs.usual import GREY_SIZES, IMAGE_SIZES, SEQUENCE_LENGTHS, VOLUME_SIZES
from inspector.engine.pytorch.structure import dtype_name

FEATURE_MAP_SIZES = (8, 7, 4, 1, 16, 14, 32)


def candidates(model: nn.Module, names: list[str], batch: int) -> Iterator[Guess]:
    """A spec for each of the named inputs, likely ones first, none twice."""
    seen: set[str] = set()
    for dtype in floating_dtypes(model):
        for plain in _all_candidates(model, names, batch):
            candidate = tuple(
                replace(_in_dtype(spec, dtype), name=name) for spec, name in zip(plain, names, strict=False)
            )
            text = " ".join(map(str, candidate))
            if text not in seen:
                seen.add(text)
                yield candidate


def floating_dtypes(model: nn.Module) -> list[str]:
    """The dtypes that a real or complex input may have: that of the model's first tensor of such a dtype first."""
    held = [*model.parameters(), *model.buffers()]
    names = [dtype_name(each.dtype) for each in held if each.is_floating_point() or each.is_complex()]
    return list(dict.fromkeys(name for name in names if name in DTYPES)) or ["float32"]


def _in_dtype(spec: InputSpec, dtype: str) -> InputSpec:
    return replace(spec, dtype=dtype) if spec.dtype == "float32" else spec


def _all_candidates(model: nn.Module, names: list[str], batch: int) -> Iterator[list[InputSpec]]:
    layers = [module for module in model.modules() if not isinstance(module, _CONTAINERS) and _own_tensors(module)]
    first = next((layer for layer in layers if type(layer).__module__.startswith("torch.")), None)
    if isinstance(first, nn.Bilinear) and len(names) == 2:
        sizes = (first.in1_features, first.in2_features)
        yield [InputSpec(shape=[batch, size]) for size in sizes]
    if len(names) > 1:
        # Several encoders side by side: each input may meet its own layer.
        own = [list(_for_layer(layer, batch)) for layer in layers[: len(names)]]
        if len(own) == len(names) and all(own):
            yield [specs[0] for specs in own]
    for layer in layers[:4]:
        for spec in _for_layer(layer, batch):
            yield [spec] * len(names)
    # A model without layers of torch's own: its parameters' sizes are the sizes it works with.
    for size in sorted(
        {size for parameter in model.parameters() if not is_lazy(parameter) for size in parameter.shape}
    ):
        yield [InputSpec(shape=[batch, size])] * len(names)
        yield [InputSpec(shape=[size])] * len(names)
    for shape in ([batch, 4], [batch, 1], [batch, 10], [batch, 3, 32, 32], [batch, 16, 16], [batch], []):
        yield [InputSpec(shape=list(shape))] * len(names)
    for dtype_shape in ([batch, 16], [batch]):
        yield [InputSpec(shape=list(dtype_shape), dtype="int64")] * len(names)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.DataParallel, nn.Dropout, nn.Flatten)


def _own_tensors(module: nn.Module) -> bool:
    return any(tensor is not None for held in (module._parameters, module._buffers) for tensor in held.values())


def _for_layer(layer: nn.Module, batch: int) -> Iterator[InputSpec]:
    """Inputs that a layer takes, as if it were the first one."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        for size in FEATURE_MAP_SIZES:
            yield _float(batch, layer.in_channels or 3, *[size] * len(layer.kernel_size))
    elif isinstance(layer, nn.modules.conv._ConvNd):
        # A lazy convolution has no number of channels yet: the three of a colour image.
        yield from _images(batch, layer.in_channels or 3, len(layer.kernel_size))
    elif isinstance(layer, nn.Embedding | nn.EmbeddingBag):
        for length in (16, 64, 8, 1):
            yield _indices(batch, length, layer.num_embeddings)
        yield InputSpec(shape=[batch], dtype="int64", distribution="range", low=0, high=layer.num_embeddings)
    elif isinstance(layer, nn.RNNBase):
        yield _float(*((batch, 16) if layer.batch_first else (16, batch)), layer.input_size)
        yield _float(batch, 16, layer.input_size)
    elif isinstance(layer, nn.RNNCellBase):
        yield _float(batch, layer.input_size)
        yield _float(16, batch, layer.input_size)
    elif isinstance(layer, nn.MultiheadAttention):
        yield _float(batch, 16, layer.embed_dim)
    elif isinstance(layer, nn.Linear):
        yield from _features(batch, layer.in_features)
    elif isinstance(layer, nn.modules.batchnorm._NormBase):
        yield from _images(batch, layer.num_features or 3, _axes_of_norm(layer))
    elif isinstance(layer, nn.GroupNorm):
        yield from _images(batch, layer.num_channels, 2)
    elif isinstance(layer, nn.LayerNorm):
        yield _float(batch, *layer.normalized_shape)
        yield _float(batch, 16, *layer.normalized_shape)


def _axes_of_norm(layer: nn.modules.batchnorm._NormBase) -> int:
    for axes, classes in (
        (1, (nn.BatchNorm1d, nn.InstanceNorm1d)),
        (3, (nn.BatchNorm3d, nn.InstanceNorm3d)),
    ):
        if isinstance(layer, classes):
            return axes
    return 2


def _images(batch: int, channels: int, axes: int) -> Iterator[InputSpec]:
    if axes == 1:
        for length in SEQUENCE_LENGTHS:
            yield _float(batch, channels, length)
        yield _float(batch, channels)
    elif axes == 2:
        for size in GREY_SIZES if channels == 1 else IMAGE_SIZES:
            yield _float(batch, channels, size, size)
    else:
        for volume in VOLUME_SIZES:
            yield _float(batch, channels, *volume)


def _features(batch: int, features: int) -> Iterator[InputSpec]:
    if features == 0:
        # A lazy layer takes what comes.
        yield _float(batch, 64)
        yield _float(batch, 3, 32, 32)
        return
    yield _float(batch, features)
    yield _float(batch, 16, features)
    for channels in (1, 3):
        side = round((features / channels) ** 0.5)
        if side * side * channels == features and side > 1:
            yield _float(batch, channels, side, side)


def _float(*shape: int) -> InputSpec:
    return InputSpec(shape=list(shape))


def _indices(batch: int, length: int, count: int) -> InputSpec:
    return InputSpec(shape=[batch, length], dtype="int64", distribution="range", low=0, high=count)
