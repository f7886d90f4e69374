"""What torch's own layers want, where they refuse an input themselves before they call any function."""

from types import FrameType
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.inputs.call_wants import Call
from inspector.engine.pytorch.inputs.origins import OriginTracker
from inspector.engine.pytorch.inputs.usual import SEQUENCE, usual_sizes
from inspector.engine.pytorch.inputs.wants import SAMPLES, Want
from inspector.engine.pytorch.structure import dtype_name


def wants_of_layer(frames: list[FrameType], tracker: OriginTracker) -> list[Want]:
    """What the innermost of torch's layers on the stack would have taken."""
    for frame in reversed(frames):
        layer = frame.f_locals.get("self")
        if isinstance(layer, nn.Module) and type(layer).__module__.startswith("torch.nn."):
            call = Call(type(layer).__name__, (), {}, tracker)
            return _of_layer(layer, _entry(frames, layer).f_locals, call)
    return []


def _entry(frames: list[FrameType], layer: nn.Module) -> FrameType:
    """The frame of the layer's forward, which has its inputs."""
    mine = [frame for frame in frames if frame.f_locals.get("self") is layer and frame.f_code.co_name == "forward"]
    return mine[0] if mine else next(frame for frame in frames if frame.f_locals.get("self") is layer)


def _of_layer(layer: nn.Module, local: dict[str, Any], call: Call) -> list[Want]:
    x = local.get("input", local.get("x"))
    if isinstance(layer, nn.RNNBase):
        return _recurrent(layer, x, local.get("hx"), call)
    if isinstance(layer, nn.RNNCellBase):
        return _cell(layer, x, local.get("hx"), call)
    if isinstance(layer, nn.MultiheadAttention):
        return _attention(layer, local, call)
    if isinstance(layer, nn.modules.batchnorm._NormBase) and isinstance(x, torch.Tensor):
        axes = next((number for number in (1, 2, 3) if type(layer).__name__.endswith(f"{number}d")), max(1, x.ndim - 2))
        if x.ndim != axes + 2:
            sizes = usual_sizes(axes, layer.num_features)
            return call.want(x, shape=(None, layer.num_features, *(None for _ in sizes)), free=(None, None, *sizes))
    if isinstance(layer, nn.TransformerEncoder | nn.TransformerEncoderLayer | nn.Transformer | nn.TransformerDecoder):
        return _transformer(layer, local, call)
    return []


def _recurrent(layer: nn.RNNBase, x: Any, hx: Any, call: Call) -> list[Want]:
    found: list[Want] = []
    if isinstance(x, torch.Tensor):
        if x.ndim != 3 or x.shape[-1] != layer.input_size:
            free = (None, SEQUENCE, None) if layer.batch_first else (SEQUENCE, SAMPLES, None)
            found += call.want(x, shape=(None, None, layer.input_size), free=free)
        elif x.dtype != (dtype := next(layer.parameters()).dtype):
            found += call.want(x, dtype=dtype_name(dtype))
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    batch = 1
    if isinstance(x, torch.Tensor) and x.ndim == 3:
        batch = x.shape[0 if layer.batch_first else 1]
    state = (count, batch, layer.proj_size or layer.hidden_size)
    cell = (count, batch, layer.hidden_size)
    if isinstance(hx, torch.Tensor):
        if isinstance(layer, nn.LSTM):
            found += call.want(hx, parts=("[0]", "[1]"))
        found += call.want(hx, shape=state, free=(None, None, None))
    elif isinstance(hx, list | tuple):
        for part, wanted in zip(hx, (state, cell), strict=False):
            if isinstance(part, torch.Tensor) and tuple(part.shape) != wanted:
                found += call.want(part, shape=wanted)
    return found


def _cell(layer: nn.RNNCellBase, x: Any, hx: Any, call: Call) -> list[Want]:
    found: list[Want] = []
    if isinstance(x, torch.Tensor) and (x.ndim != 2 or x.shape[-1] != layer.input_size):
        found += call.want(x, shape=(None, layer.input_size))
    batch = x.shape[0] if isinstance(x, torch.Tensor) and x.ndim == 2 else 1
    if isinstance(hx, torch.Tensor):
        if isinstance(layer, nn.LSTMCell):
            found += call.want(hx, parts=("[0]", "[1]"))
        found += call.want(hx, shape=(batch, layer.hidden_size))
    elif isinstance(hx, list | tuple):
        for part in hx:
            if isinstance(part, torch.Tensor):
                found += call.want(part, shape=(batch, layer.hidden_size))
    return found


def _attention(layer: nn.MultiheadAttention, local: dict[str, Any], call: Call) -> list[Want]:
    found: list[Want] = []
    query, key = local.get("query"), local.get("key")
    for name, size in (("query", layer.embed_dim), ("key", layer.kdim), ("value", layer.vdim)):
        x = local.get(name)
        if isinstance(x, torch.Tensor) and (x.ndim != 3 or x.shape[-1] != size):
            free = (None, SEQUENCE, None) if layer.batch_first else (SEQUENCE, SAMPLES, None)
            found += call.want(x, shape=(None, None, size), free=free)
    if isinstance(query, torch.Tensor) and isinstance(key, torch.Tensor) and query.ndim == key.ndim == 3:
        batch, place = (0, 1) if layer.batch_first else (1, 0)
        for x in (key, local.get("value")):
            if isinstance(x, torch.Tensor) and x.shape[batch] != query.shape[batch]:
                found += call.want(x, shape=tuple(query.shape[at] if at == batch else None for at in range(3)))
        padding = local.get("key_padding_mask")
        if isinstance(padding, torch.Tensor):
            found += call.want(padding, shape=(key.shape[batch], key.shape[place]), dtype="bool")
        mask = local.get("attn_mask")
        if isinstance(mask, torch.Tensor):
            found += call.want(mask, shape=(query.shape[place], key.shape[place]))
    return found


def _transformer(layer: nn.Module, local: dict[str, Any], call: Call) -> list[Want]:
    size = next((inner.embed_dim for inner in layer.modules() if isinstance(inner, nn.MultiheadAttention)), None)
    first = next((inner.batch_first for inner in layer.modules() if isinstance(inner, nn.MultiheadAttention)), False)
    free = (None, SEQUENCE, None) if first else (SEQUENCE, SAMPLES, None)
    tensors = [local.get(name) for name in ("src", "tgt", "memory")]
    given = [x for x in tensors if isinstance(x, torch.Tensor)]
    found: list[Want] = []
    for x in given:
        if x.ndim != 3 or x.shape[-1] != size:
            found += call.want(x, shape=(None, None, size), free=free)
    batch = 0 if first else 1
    if len(given) > 1 and not found and given[0].shape[batch] != given[1].shape[batch]:
        found += call.want(given[1], shape=tuple(given[0].shape[batch] if at == batch else None for at in range(3)))
    for name in ("src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask"):
        mask = local.get(name)
        if isinstance(mask, torch.Tensor) and given:
            padded = given[-1] if name.startswith("tgt") else given[0]
            found += call.want(mask, shape=(padded.shape[batch], padded.shape[1 - batch]), dtype="bool")
    for name in ("mask", "src_mask", "tgt_mask"):
        mask = local.get(name)
        if isinstance(mask, torch.Tensor) and given and given[-1].ndim == 3:
            length = given[-1].shape[1 - batch]
            found += call.want(mask, shape=(length, length))
    return found
