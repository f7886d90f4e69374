"""What the tensors of torch's own layers mean, and what the axes of their shapes are.

One short function a family, found by the name of torch's class, so that a file which only names it is explained like
a living layer. Layouts are those of the layers' pages in the PyTorch documentation, under "Variables".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

Shape = Sequence[int] | None
"""None where no pass has given the tensor one yet."""


class Asked(NamedTuple):
    """A tensor of a layer of torch's."""

    layer: str
    """The class, "Conv2d"."""
    name: str
    shape: Shape
    padding: object = None
    """The row of an embedding that stands for padding."""


Meaning = Callable[[Asked], str | None]
_MEANINGS: dict[str, Meaning] = {}


def layer_meaning(layers: Iterable[str], name: str, shape: Shape, padding: object = None) -> str | None:
    """What the tensor `name` is for in the first of torch's classes `layers` that defines it; None where none does."""
    for layer in layers:
        if layer in _MEANINGS and (found := _MEANINGS[layer](Asked(layer, name, shape, padding))):
            return found
    return None


def shape_text(shape: Shape, *axes: str) -> str:
    """The shape with its axes named, ``[out_features=10, in_features=84]``; bare sizes where the names do not fit."""
    if shape is None:
        return f"[{', '.join(axes)}]"
    sizes = [str(size) for size in shape]
    if len(axes) == len(sizes):
        return f"[{', '.join(f'{axis}={size}' for axis, size in zip(axes, sizes, strict=True))}]"
    return f"[{', '.join(sizes)}]" if sizes else "[] (a single number)"


def _meaning(*layers: str) -> Callable[[Meaning], Meaning]:
    def register(meaning: Meaning) -> Meaning:
        _MEANINGS.update(dict.fromkeys(layers, meaning))
        return meaning

    return register


@_meaning("Linear", "NonDynamicallyQuantizableLinear")
def _linear(of: Asked) -> str | None:
    match of.name:
        case "weight":
            return f"matrix W of y = x·Wᵀ + b, {shape_text(of.shape, 'out_features', 'in_features')}"
        case "bias":
            return f"b of y = x·Wᵀ + b, one number per output feature, {shape_text(of.shape, 'out_features')}"
    return None


@_meaning("Bilinear")
def _bilinear(of: Asked) -> str | None:
    match of.name:
        case "weight":
            shape = shape_text(of.shape, "out_features", "in1_features", "in2_features")
            return f"W of y_k = Σ x1_i·W_kij·x2_j + b_k, {shape}"
        case "bias":
            return f"b of y_k = Σ x1_i·W_kij·x2_j + b_k, {shape_text(of.shape, 'out_features')}"
    return None


@_meaning("_ConvNd", "Conv1d", "Conv2d", "Conv3d")
def _convolution(of: Asked) -> str | None:
    match of.name:
        case "weight":
            return f"one filter per output channel, {_kernel_shape(of.shape, 'out_channels', 'in_channels/groups')}"
        case "bias":
            return f"added to every pixel of each output channel, {shape_text(of.shape, 'out_channels')}"
    return None


@_meaning("_ConvTransposeNd", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def _transposed_convolution(of: Asked) -> str | None:
    if of.name != "weight":
        return _convolution(of)
    shape = _kernel_shape(of.shape, "in_channels", "out_channels/groups")
    return f"the filters, {shape}: the first two axes are swapped compared with an ordinary convolution"


def _kernel_shape(shape: Shape, first: str, second: str) -> str:
    if shape is None:
        return f"[{first}, {second}, kernel]"
    if len(shape) < 3:
        return shape_text(shape)
    return f"[{first}={shape[0]}, {second}={shape[1]}, kernel {'×'.join(map(str, shape[2:]))}]"


@_meaning("_NormBase", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")
@_meaning("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def _batch_or_instance_norm(of: Asked) -> str | None:
    shape = shape_text(of.shape, "num_features")
    match of.name:
        case "weight":
            return f"scale γ per channel, applied after the normalisation: y = γ·(x − mean)/√(var + eps) + β, {shape}"
        case "bias":
            return f"shift β per channel, added after the normalisation: y = γ·(x − mean)/√(var + eps) + β, {shape}"
        case "running_mean":
            return f"running mean per channel: updated by passes in train mode, used for x − mean in eval mode, {shape}"
        case "running_var":
            return (
                "running variance per channel: updated by passes in train mode, used for √(var + eps) in eval mode, "
                + shape
            )
        case "num_batches_tracked":
            return "how many batches went through in train mode; only momentum=None computes with it, a single number"
    return None


@_meaning("GroupNorm")
def _group_norm(of: Asked) -> str | None:
    match of.name:
        case "weight":
            return f"scale γ per channel, applied after normalising each group, {shape_text(of.shape, 'num_channels')}"
        case "bias":
            return f"shift β per channel, added after normalising each group, {shape_text(of.shape, 'num_channels')}"
    return None


@_meaning("LayerNorm", "RMSNorm")
def _layer_norm(of: Asked) -> str | None:
    shape = shape_text(of.shape, "normalized_shape")
    match of.name:
        case "weight":
            return f"scale γ per element of the normalised axes, {shape}"
        case "bias":
            return f"shift β per element of the normalised axes, {shape}"
    return None


@_meaning("Embedding", "EmbeddingBag")
def _embedding(of: Asked) -> str | None:
    if of.name != "weight":
        return None
    note = "" if of.padding is None else f"; row {of.padding} stands for padding and gets no gradient"
    return f"one row per index, looked up: {shape_text(of.shape, 'num_embeddings', 'embedding_dim')}{note}"


@_meaning("PReLU")
def _prelu(of: Asked) -> str | None:
    if of.name != "weight":
        return None
    return f"slope a for negative inputs: y = max(0, x) + a·min(0, x), {shape_text(of.shape, 'num_parameters')}"


_GATES = {
    "RNN": ("", 1), "RNNCell": ("", 1),
    "LSTM": ("input i, forget f, cell g, output o", 4), "LSTMCell": ("input i, forget f, cell g, output o", 4),
    "GRU": ("reset r, update z, new n", 3), "GRUCell": ("reset r, update z, new n", 3),
}  # fmt: skip
_RECURRENT_NAME = re.compile(r"(weight|bias)_(ih|hh|hr)(?:_l(\d+))?(_reverse)?$")


@_meaning(*_GATES)
def _recurrent(of: Asked) -> str | None:
    found = _RECURRENT_NAME.match(of.name)
    if not found:
        return None
    gates, count = _GATES[of.layer]
    what, side, layer, reverse = found.groups()
    where = f" of layer {layer}" if layer is not None else ""
    where += " in the backward direction" if reverse else ""
    if side == "hr":
        return f"projects the hidden state{where}: {shape_text(of.shape, 'proj_size', 'hidden_size')}"
    source = "the input" if side == "ih" else "the previous hidden state"
    rows = "hidden_size" if count == 1 else f"{count}·hidden_size"
    stacked = f"; the gates stand one below the other: {gates}" if gates else ""
    if what == "bias":
        return f"bias{where}, added to what comes from {source}, {shape_text(of.shape, rows)}{stacked}"
    columns = "inputs" if side == "ih" else "hidden inputs"
    return f"weights{where} from {source}, {shape_text(of.shape, rows, columns)}{stacked}"


@_meaning("MultiheadAttention")
def _attention(of: Asked) -> str | None:
    match of.name:
        case "in_proj_weight":
            shape = shape_text(of.shape, "3·embed_dim", "embed_dim")
            return f"projects to query, key and value, one below the other, for all heads: {shape}"
        case "in_proj_bias":
            return f"biases of query, key and value, one below the other, {shape_text(of.shape, '3·embed_dim')}"
        case "q_proj_weight":
            return f"projects to the query, {shape_text(of.shape, 'embed_dim', 'embed_dim')}"
        case "k_proj_weight":
            return f"projects to the key, {shape_text(of.shape, 'embed_dim', 'kdim')}"
        case "v_proj_weight":
            return f"projects to the value, {shape_text(of.shape, 'embed_dim', 'vdim')}"
        case "bias_k" | "bias_v":
            which = "keys" if of.name == "bias_k" else "values"
            return f"one learned element appended to the {which}, {shape_text(of.shape, '1', '1', 'embed_dim')}"
    return None
