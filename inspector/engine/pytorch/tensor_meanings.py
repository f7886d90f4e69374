"""What the tensors of torch's own layers mean, and what the axes of their shapes are.

One short function a family, found by the classes a module inherits from. Layouts are those of the layers' pages in the
PyTorch documentation, under "Variables".
"""

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.optim.swa_utils import AveragedModel

from inspector.engine.pytorch.places import child_modules, shape_of

Meaning = Callable[[Any, str, Tensor], str | None]
_MEANINGS: dict[type[nn.Module], Meaning] = {}


def meaning_of(module: nn.Module, name: str, tensor: Tensor) -> str:
    """What the tensor `name` of `module` is for and how its shape reads; only the shape where torch does not define it.

    The shape of an uninitialised tensor is left out.
    """
    for derived in _FROM_HOOKS:
        if found := derived(module, name):
            return f"{found}, shape {shape_text(tensor)}" if shape_of(tensor) is not None else found
    for cls in type(module).__mro__:
        if cls in _MEANINGS and (found := _MEANINGS[cls](module, name, tensor)):
            return found
    return "" if shape_of(tensor) is None else f"shape {shape_text(tensor)}"


def shape_text(tensor: Tensor, *axes: str) -> str:
    """The shape with its axes named, ``[out_features=10, in_features=84]``; bare sizes where the names do not fit."""
    shape = shape_of(tensor)
    if shape is None:
        return f"[{', '.join(axes)}]"
    sizes = [str(size) for size in shape]
    if len(axes) == len(sizes):
        return f"[{', '.join(f'{axis}={size}' for axis, size in zip(axes, sizes, strict=True))}]"
    return f"[{', '.join(sizes)}]" if sizes else "[] (a single number)"


def _meaning(*classes: type[nn.Module]) -> Callable[[Meaning], Meaning]:
    def register(meaning: Meaning) -> Meaning:
        _MEANINGS.update(dict.fromkeys(classes, meaning))
        return meaning

    return register


@_meaning(nn.Linear)
def _linear(module: nn.Linear, name: str, tensor: Tensor) -> str | None:
    match name:
        case "weight":
            return f"matrix W of y = x·Wᵀ + b, {shape_text(tensor, 'out_features', 'in_features')}"
        case "bias":
            return f"b of y = x·Wᵀ + b, one number per output feature, {shape_text(tensor, 'out_features')}"
    return None


@_meaning(nn.Bilinear)
def _bilinear(module: nn.Bilinear, name: str, tensor: Tensor) -> str | None:
    match name:
        case "weight":
            shape = shape_text(tensor, "out_features", "in1_features", "in2_features")
            return f"W of y_k = Σ x1_i·W_kij·x2_j + b_k, {shape}"
        case "bias":
            return f"b of y_k = Σ x1_i·W_kij·x2_j + b_k, {shape_text(tensor, 'out_features')}"
    return None


@_meaning(_ConvNd)
def _convolution(module: _ConvNd, name: str, tensor: Tensor) -> str | None:
    match name:
        case "weight":
            return f"one filter per output channel, {_kernel_shape(tensor, 'out_channels', 'in_channels/groups')}"
        case "bias":
            return f"added to every pixel of each output channel, {shape_text(tensor, 'out_channels')}"
    return None


@_meaning(_ConvTransposeNd)
def _transposed_convolution(module: _ConvTransposeNd, name: str, tensor: Tensor) -> str | None:
    if name != "weight":
        return _convolution(module, name, tensor)
    shape = _kernel_shape(tensor, "in_channels", "out_channels/groups")
    return f"the filters, {shape}: the first two axes are swapped compared with an ordinary convolution"


def _kernel_shape(tensor: Tensor, first: str, second: str) -> str:
    shape = shape_of(tensor)
    if shape is None:
        return f"[{first}, {second}, kernel]"
    if len(shape) < 3:
        return shape_text(tensor)
    return f"[{first}={shape[0]}, {second}={shape[1]}, kernel {'×'.join(map(str, shape[2:]))}]"


@_meaning(_NormBase)
def _batch_or_instance_norm(module: _NormBase, name: str, tensor: Tensor) -> str | None:
    shape = shape_text(tensor, "num_features")
    match name:
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


@_meaning(nn.GroupNorm)
def _group_norm(module: nn.GroupNorm, name: str, tensor: Tensor) -> str | None:
    match name:
        case "weight":
            return f"scale γ per channel, applied after normalising each group, {shape_text(tensor, 'num_channels')}"
        case "bias":
            return f"shift β per channel, added after normalising each group, {shape_text(tensor, 'num_channels')}"
    return None


@_meaning(nn.LayerNorm, nn.RMSNorm)
def _layer_norm(module: nn.Module, name: str, tensor: Tensor) -> str | None:
    shape = shape_text(tensor, "normalized_shape")
    match name:
        case "weight":
            return f"scale γ per element of the normalised axes, {shape}"
        case "bias":
            return f"shift β per element of the normalised axes, {shape}"
    return None


@_meaning(nn.Embedding, nn.EmbeddingBag)
def _embedding(module: nn.Embedding, name: str, tensor: Tensor) -> str | None:
    if name != "weight":
        return None
    padding = getattr(module, "padding_idx", None)
    note = "" if padding is None else f"; row {padding} stands for padding and gets no gradient"
    return f"one row per index, looked up: {shape_text(tensor, 'num_embeddings', 'embedding_dim')}{note}"


@_meaning(nn.PReLU)
def _prelu(module: nn.PReLU, name: str, tensor: Tensor) -> str | None:
    if name != "weight":
        return None
    return f"slope a for negative inputs: y = max(0, x) + a·min(0, x), {shape_text(tensor, 'num_parameters')}"


_GATES = {
    nn.RNN: ("", 1), nn.RNNCell: ("", 1),
    nn.LSTM: ("input i, forget f, cell g, output o", 4), nn.LSTMCell: ("input i, forget f, cell g, output o", 4),
    nn.GRU: ("reset r, update z, new n", 3), nn.GRUCell: ("reset r, update z, new n", 3),
}  # fmt: skip
_RECURRENT_NAME = re.compile(r"(weight|bias)_(ih|hh|hr)(?:_l(\d+))?(_reverse)?$")


@_meaning(*_GATES)
def _recurrent(module: nn.Module, name: str, tensor: Tensor) -> str | None:
    found = _RECURRENT_NAME.match(name)
    if not found:
        return None
    gates, count = next(_GATES[cls] for cls in type(module).__mro__ if cls in _GATES)
    what, side, layer, reverse = found.groups()
    where = f" of layer {layer}" if layer is not None else ""
    where += " in the backward direction" if reverse else ""
    if side == "hr":
        return f"projects the hidden state{where}: {shape_text(tensor, 'proj_size', 'hidden_size')}"
    source = "the input" if side == "ih" else "the previous hidden state"
    rows = "hidden_size" if count == 1 else f"{count}·hidden_size"
    stacked = f"; the gates stand one below the other: {gates}" if gates else ""
    if what == "bias":
        return f"bias{where}, added to what comes from {source}, {shape_text(tensor, rows)}{stacked}"
    columns = "inputs" if side == "ih" else "hidden inputs"
    return f"weights{where} from {source}, {shape_text(tensor, rows, columns)}{stacked}"


@_meaning(nn.MultiheadAttention)
def _attention(module: nn.MultiheadAttention, name: str, tensor: Tensor) -> str | None:
    match name:
        case "in_proj_weight":
            shape = shape_text(tensor, "3·embed_dim", "embed_dim")
            return f"projects to query, key and value, one below the other, for all heads: {shape}"
        case "in_proj_bias":
            return f"biases of query, key and value, one below the other, {shape_text(tensor, '3·embed_dim')}"
        case "q_proj_weight":
            return f"projects to the query, {shape_text(tensor, 'embed_dim', 'embed_dim')}"
        case "k_proj_weight":
            return f"projects to the key, {shape_text(tensor, 'embed_dim', 'kdim')}"
        case "v_proj_weight":
            return f"projects to the value, {shape_text(tensor, 'embed_dim', 'vdim')}"
        case "bias_k" | "bias_v":
            which = "keys" if name == "bias_k" else "values"
            return f"one learned element appended to the {which}, {shape_text(tensor, '1', '1', 'embed_dim')}"
    return None


@_meaning(AveragedModel)
def _averaged(module: AveragedModel, name: str, tensor: Tensor) -> str | None:
    return "how many models have been averaged so far, a single number" if name == "n_averaged" else None


@_meaning(ParametrizationList)
def _parametrized(module: ParametrizationList, name: str, tensor: Tensor) -> str | None:
    steps = [step for _, step in child_modules(module)]
    shape = shape_text(tensor)
    if len(steps) == 1 and isinstance(steps[0], parametrizations._WeightNorm):
        if name == "original0":
            return f"magnitude g of weight = g·v/‖v‖, {shape}"
        return f"direction v of weight = g·v/‖v‖, {shape}"
    steps_text = " then ".join(type(step).__name__ for step in steps)
    return f"the tensor that is trained; {steps_text} computes the one that the layer uses from it, {shape}"


@_meaning(parametrizations._SpectralNorm)
def _spectral(module: nn.Module, name: str, tensor: Tensor) -> str | None:
    if name not in ("_u", "_v"):
        return None
    side = "left" if name == "_u" else "right"
    return f"running estimate of the {side} singular vector of the largest singular value, {shape_text(tensor)}"


def _from_weight_norm(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if isinstance(hook, WeightNorm) and name in (f"{hook.name}_g", f"{hook.name}_v"):
            part = "magnitude g" if name.endswith("_g") else "direction v"
            return f"{part} of {hook.name} = g·v/‖v‖, which weight_norm computes before each pass"
    return None


def _from_spectral_norm(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if not isinstance(hook, SpectralNorm):
            continue
        if name == f"{hook.name}_orig":
            return f"the tensor that is trained; {hook.name} is it divided by its largest singular value"
        if name in (f"{hook.name}_u", f"{hook.name}_v"):
            side = "left" if name.endswith("_u") else "right"
            return f"running estimate of the {side} singular vector of the largest singular value of {hook.name}"
    return None


def _from_pruning(module: nn.Module, name: str) -> str | None:
    for hook in _pre_hooks(module):
        if isinstance(hook, prune.BasePruningMethod):
            pruned = hook._tensor_name
            if name == f"{pruned}_orig":
                return f"the tensor before pruning; {pruned} = {pruned}_orig · {pruned}_mask"
            if name == f"{pruned}_mask":
                return f"1 where {pruned} is kept, 0 where it is pruned away"
    return None


_FROM_HOOKS = (_from_weight_norm, _from_spectral_norm, _from_pruning)


def _pre_hooks(module: nn.Module) -> list[object]:
    return list(object.__getattribute__(module, "__dict__").get("_forward_pre_hooks", {}).values())
