"""Works out an input for a model that came without one, by trying candidates with a shape pass.

Candidates come from what the model declares, then from the layer registered first, then from its parameters' sizes.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

import torch
from msgspec.structs import replace
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.recipe import DTYPES, InputSpec
from inspector.core.solving_sizes import Mismatch, Trial, solve_sizes
from inspector.core.table import Input
from inspector.engine.pytorch.signatures import unwrapped
from inspector.engine.pytorch.structure import dtype_name

IMAGE_SIZES = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512, 48, 16, 8)
GREY_SIZES = (28, 32, 64, 224, 96, 128, 256, 16, 8)
FEATURE_MAP_SIZES = (8, 7, 4, 1, 16, 14, 32)
SEQUENCE_LENGTHS = (16, 128, 1024, 64, 100, 256, 512, 784, 2048, 4096, 8192, 16000, 44100)
VOLUME_SIZES = ((16, 112, 112), (16, 224, 224), (32, 32, 32), (16, 16, 16), (64, 64, 64), (8, 8, 8))
SMALL_MODEL = 1_000_000
"""Parameters up to which more sizes are tried: the count and not the clock decides, so every run shows the same."""
TRIES_FOR_ALTERNATIVES, TRIES_WITH_A_LARGE_MODEL = 12, 2
MOST_ALTERNATIVES = 6
SLOW = 1.0
"""Seconds: a model that takes longer than this is not run again for alternatives, which take no longer than this."""

Try = Callable[[list[InputSpec]], Trial]
"""What comes of a pass with these inputs."""
Cheap = Callable[[list[InputSpec]], bool]
"""Whether a pass with these inputs costs next to nothing."""


def infer_inputs(
    model: nn.Module, batch: int, attempt: Try, cheap: Cheap
) -> tuple[list[InputSpec], list[list[list[int]]], bool]:
    """The first candidate that works, the shapes of others for each input, and whether the model declared it.

    A candidate that fails because of its size is solved for the sizes that the model was made for. An empty list of
    specs where none works. `batch` is the size of the batch axis; of a small model only candidates that are `cheap` to
    try become alternatives, of a slow one none.
    """
    names = required_inputs(model)
    declared = _declared(model)
    if declared and attempt(declared).works:
        return declared, [[] for _ in declared], True
    if not names and attempt([]).works:
        return [], [], False
    # Where nothing is required, and with nothing it fails, the first argument that may be left out is meant.
    named = "" if names else next(iter(_arguments(model, optional=True)), "")
    candidates = (
        [replace(spec, name=named) for spec in specs] for specs in _candidates(model, names or [named], batch)
    )
    solved: set[int] = set()
    for candidate in candidates:
        started = monotonic()
        trial = attempt(candidate)
        if trial.works:
            alternatives = [] if monotonic() - started > SLOW else _others(model, candidate, candidates, attempt, cheap)
            return candidate, [[one[place] for one in alternatives] for place in range(len(candidate))], False
        rank = len(candidate[0].shape or [])
        if trial.mismatch is not None and rank not in solved:
            solved.add(rank)
            solution = _solved(model, candidate, trial.mismatch, attempt)
            if solution is not None:
                return *solution, False
    return [], [[] for _ in names], False


def open_axes(model: nn.Module, spec: InputSpec) -> list[int]:
    """The axes of a candidate whose sizes are guesses: those that windows slide along, else the positions."""
    rank = len(spec.shape or [])
    kernels = {len(module.kernel_size) for module in model.modules() if isinstance(module, nn.modules.conv._ConvNd)}
    if rank > 3 or (rank == 3 and 1 in kernels):
        return list(range(2, rank))
    return [1] if rank == 3 or (rank == 2 and spec.dtype.startswith("int")) else []


def _solved(
    model: nn.Module, candidate: list[InputSpec], mismatch: Mismatch, attempt: Try
) -> tuple[list[InputSpec], list[list[list[int]]]] | None:
    """The candidate with the sizes that the model was made for, and the shapes of others like it."""
    axes = open_axes(model, candidate[0])
    if not axes or any(spec.shape != candidate[0].shape for spec in candidate):
        return None

    def resized(sizes: Sequence[int]) -> list[InputSpec]:
        shape = list(candidate[0].shape or [])
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = size
        return [replace(spec, shape=shape) for spec in candidate]

    start = [(candidate[0].shape or [])[axis] for axis in axes]
    usual = IMAGE_SIZES if len(axes) > 1 else SEQUENCE_LENGTHS
    solution = solve_sizes(start, mismatch, lambda sizes: attempt(resized(sizes)), usual)
    if solution is None or not attempt(resized(solution.sizes)).works:
        return None
    is_square = all(one == solution.ranges[0] for one in solution.ranges)
    others = [[size] * len(axes) for size in solution.ranges[0]] if is_square else []
    shapes = [resized(sizes)[0].shape or [] for sizes in others if sizes != solution.sizes]
    if len(shapes) > MOST_ALTERNATIVES:
        shapes = shapes[: MOST_ALTERNATIVES // 2] + shapes[-MOST_ALTERNATIVES // 2 :]
    return resized(solution.sizes), [shapes for _ in candidate]


def _others(
    model: nn.Module, found: list[InputSpec], candidates: Iterator[list[InputSpec]], attempt: Try, cheap: Cheap
) -> list[list[list[int]]]:
    """The shapes of other candidates that work, none of them twice."""
    elements = sum(parameter.numel() for parameter in model.parameters() if not is_lazy(parameter))
    is_small = elements <= SMALL_MODEL
    tries, began = TRIES_FOR_ALTERNATIVES if is_small else TRIES_WITH_A_LARGE_MODEL, monotonic()
    shapes: list[list[list[int]]] = []
    for candidate in candidates:
        if [spec.dtype for spec in candidate] != [spec.dtype for spec in found]:
            continue
        if is_small and not cheap(candidate):
            continue
        tries -= 1
        if tries < 0 or len(shapes) >= MOST_ALTERNATIVES or monotonic() - began > SLOW:
            break
        shape = [spec.shape or [] for spec in candidate]
        if shape not in [[spec.shape for spec in found], *shapes] and attempt(candidate).works:
            shapes.append(shape)
    return shapes


def required_inputs(model: nn.Module) -> list[str]:
    """The names of the arguments that ``forward`` cannot do without."""
    return _arguments(model, optional=False)


def _arguments(model: nn.Module, *, optional: bool) -> list[str]:
    if isinstance(model, torch.jit.ScriptModule):
        method: Any = model.forward
        return [each.name for each in method.schema.arguments[1:] if each.has_default_value() == optional]
    try:
        parameters = list(inspect.signature(unwrapped(model).forward).parameters.values())
    except (TypeError, ValueError):
        return [] if optional else ["input"]
    names = [
        parameter.name
        for parameter in parameters
        if (parameter.default is None if optional else parameter.default is parameter.empty)
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if not names and not optional and any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters):
        return ["input"]
    return names


def as_inputs(
    specs: list[InputSpec],
    tensors: list[torch.Tensor],
    names: list[str],
    origin: str,
    alternatives: list[list[list[int]]],
) -> list[Input]:
    """The inputs as the table shows them."""
    inputs = []
    for position, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
        name = spec.name or (names[position] if position < len(names) else f"input{position}")
        inputs.append(
            Input(
                name=name,
                shape=list(tensor.shape),
                dtype=str(tensor.dtype).removeprefix("torch."),
                origin=origin,  # type: ignore[arg-type]  # one of the contract's three words
                alternatives=alternatives[position] if position < len(alternatives) else [],
                spec=str(spec),
            )
        )
    return inputs


def _declared(model: nn.Module) -> list[InputSpec]:
    """`example_input_array` (Lightning) or `dummy_inputs` (Hugging Face), where they hold tensors."""
    for attribute in ("example_input_array", "dummy_inputs"):
        try:
            value = getattr(model, attribute, None)
        except Exception:
            continue
        named = value.items() if isinstance(value, dict) else None
        values = [("", value)] if isinstance(value, torch.Tensor) else list(named or [])
        if isinstance(value, tuple | list):
            values = [("", part) for part in value]
        if values and all(isinstance(tensor, torch.Tensor) for _, tensor in values):
            return [_spec_of(name, tensor) for name, tensor in values]
    return []


def _spec_of(name: str, tensor: torch.Tensor) -> InputSpec:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta or dtype == "bool":
        return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype)
    low, high = float(tensor.min()), float(tensor.max()) + 1
    return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype, distribution="range", low=low, high=high)


def _candidates(model: nn.Module, names: list[str], batch: int) -> Iterator[list[InputSpec]]:
    """Lists of one spec for each required input, likely ones first, none twice."""
    if not names:
        yield []
        return
    seen: set[str] = set()
    for dtype in _floating_dtypes(model):
        for plain in _all_candidates(model, names, batch):
            candidate = [_in_dtype(spec, dtype) for spec in plain]
            text = " ".join(map(str, candidate))
            if text not in seen:
                seen.add(text)
                yield candidate


def _floating_dtypes(model: nn.Module) -> list[str]:
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
