"""What a tensor is for where the file does not name its layer's class: by its name, its shape, and those beside it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from inspector.core.layer_meanings import Shape, layer_meaning, shape_text

Shapes = Mapping[str, Shape]


class Likely(NamedTuple):
    """A layer as its tensors suggest it."""

    words: str
    layer: str | None = None
    """The class of torch's that gives such tensors their meaning."""
    doubt: str = ""
    """What else its weight may be."""


def likely_layer(tensors: Shapes) -> Likely | None:
    """What holds these tensors, by their names and shapes; None where they do not suggest one layer."""
    if tensors.keys() & {"running_mean", "running_var"}:
        return Likely("a batch or instance normalisation", "BatchNorm2d")
    if tensors.keys() & {"in_proj_weight", "in_proj_bias", "q_proj_weight"}:
        return Likely("a multi-head attention", "MultiheadAttention")
    recurrent = next(
        (shape for name, shape in tensors.items() if re.match(r"weight_hh(_l\d+)?(_reverse)?$", name)), None
    )
    if recurrent and len(recurrent) == 2 and recurrent[1]:
        return _RECURRENT.get(recurrent[0] / recurrent[1], Likely("a recurrent layer"))
    weight, bias = tensors.get("weight"), tensors.get("bias")
    return None if weight is None else _by_weight(weight, bias)


def likely_meaning(name: str, tensors: Shapes) -> str:
    """What the tensor `name` among these is for, a clause; only its shape where nothing suggests more."""
    shape = tensors[name]
    for pattern, words in _BY_NAME:
        if re.fullmatch(pattern, name):
            return f"{words}, shape {shape_text(shape)}"
    if name.startswith("weight_v") or name == "weight_u":
        return f"{_normed(name, tensors)}, shape {shape_text(shape)}"
    likely = likely_layer(tensors)
    if likely is None:
        return f"shape {shape_text(shape)}"
    meaning = layer_meaning([likely.layer], name, shape) if likely.layer else None
    doubt = f"; {likely.doubt}" if name == "weight" and likely.doubt else ""
    return f"as {likely.words} has it: {meaning or f'shape {shape_text(shape)}'}{doubt}"


def _by_weight(weight: Shape, bias: Shape) -> Likely | None:
    if not weight:
        return None
    if len(weight) >= 3:
        swapped = bias is not None and list(bias) == [weight[1]] != [weight[0]]
        if swapped:
            return Likely("a transposed convolution", "ConvTranspose2d")
        return Likely("a convolution", "Conv2d", "were it a transposed one, the first two axes would be swapped")
    if len(weight) == 2:
        if bias is None:
            return Likely("a linear layer without bias or an embedding", doubt="the file does not tell which")
        if list(bias) == [weight[0]]:
            return Likely("a linear layer", "Linear")
        return Likely("a linear layer stored transposed, as GPT-2's Conv1D") if list(bias) == [weight[1]] else None
    if bias is None:
        return Likely("a normalisation without shift or a PReLU", doubt="the file does not tell which")
    return Likely("a normalisation of layers or groups", "LayerNorm")


def _normed(name: str, tensors: Shapes) -> str:
    if "weight_orig" in tensors:
        side = "left" if name == "weight_u" else "right"
        return f"running estimate of the {side} singular vector of weight's largest singular value (spectral norm)"
    return "direction v of weight = g·v/‖v‖ (weight norm)"


_RECURRENT = {
    4.0: Likely("an LSTM", "LSTM"), 3.0: Likely("a GRU", "GRU"), 1.0: Likely("a recurrent layer (RNN)", "RNN"),
}  # fmt: skip
_BY_NAME = (
    (r"weight_g", "magnitude g of weight = g·v/‖v‖ (weight norm)"),
    (r"original0", "the first tensor of a parametrization; of weight norm the magnitude g of weight = g·v/‖v‖"),
    (r"original1", "the second tensor of a parametrization; of weight norm the direction v of weight = g·v/‖v‖"),
    (r"original", "the tensor that is trained, from which a parametrization computes the one that the layer uses"),
    (r"_u|_v", "running estimate of a singular vector of the largest singular value (spectral norm)"),
    (r"weight_orig", "the tensor that is trained; the layer's weight is computed from it (spectral norm or pruning)"),
    (r"(\w+)_mask", "1 where a tensor is kept, 0 where it is pruned away"),
    (r"pos_embed(ding)?|position_embeddings?|absolute_pos_embed", "what is added to each position of a sequence"),
    (r"cls_token|class_token|class_embedding", "the learned element put in front of a sequence, read for its class"),
    (r"mask_token|register_tokens|dist_token", "a learned element put into a sequence"),
    (r"relative_position_bias_table", "what attention adds for each distance between two positions of a window"),
    (r"relative_position_index", "which row of the table of distances each pair of positions takes"),
    (r"position_ids", "the numbers 0, 1, 2 … of the positions; made when the model is made"),
    (r"inv_freq", "the frequencies of rotary position embeddings; worked out when the model is made"),
    (r"lora_A|lora_down", "the first factor A of a low-rank change W + B·A (LoRA)"),
    (r"lora_B|lora_up", "the second factor B of a low-rank change W + B·A (LoRA)"),
    (r"layer_scale(_\d)?|ls\d|gamma_?\d?", "a learned factor per channel"),
    (r"beta", "a learned shift per channel"),
    (r"logit_scale", "the learned factor by which scores are multiplied"),
    (r"n_averaged", "how many models have been averaged so far"),
    (r"_flat_param", "all parameters of a module in one row, as FSDP keeps them"),
    (r"zero_point", "the integer that stands for 0 (quantisation)"),
    (r"scale", "a scale: of quantised values, or a learned factor"),
)
