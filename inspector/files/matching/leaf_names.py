"""What the last part of a key says: the role of a tensor in its module, whatever a framework calls it.

Aliases: TensorFlow's and Keras's gamma, beta, kernel, moving_mean; Flax's scale, embedding, mean, var. Weight and
spectral norm have two spellings each (``torch.nn.utils.weight_norm`` and ``torch.nn.utils.parametrizations``).
"""

import re
from collections.abc import Collection

_ALIASES = {
    "gamma": "weight", "w": "weight", "W": "weight", "kernel": "weight", "scale": "weight", "embedding": "weight",
    "beta": "bias", "b": "bias", "offset": "bias",
    "moving_mean": "running_mean", "mean": "running_mean",
    "moving_variance": "running_var", "moving_var": "running_var", "var": "running_var",
}  # fmt: skip

_BENIGN = {
    "num_batches_tracked": "counts batches, and only where BatchNorm has no momentum",
    "position_ids": "is counted up from 0 by the model itself",
    "token_type_ids": "is filled with 0 by the model itself",
    "inv_freq": "is computed by the model itself",
    "original_inv_freq": "is computed by the model itself",
    "freqs_cis": "is computed by the model itself",
    "cos_cached": "is computed by the model itself",
    "sin_cached": "is computed by the model itself",
    "masked_bias": "is a constant of the attention mask",
    "attn_mask": "is a mask computed by the model itself",
    "attention_mask": "is a mask computed by the model itself",
    "causal_mask": "is a mask computed by the model itself",
    "tril": "is a mask computed by the model itself",
    "total_ops": "was added by a profiler",
    "total_params": "was added by a profiler",
    "relative_position_index": "is computed by the model itself",
    "relative_coords_table": "is computed by the model itself",
}
_MOST_PARTS = 64
_MASK_SHAPE = re.compile(r"^1x1x(\d+)x\1$")


def benign(name: str, shape: tuple[int, ...] | None) -> str:
    """Why a tensor of this name does not matter to loading; empty where it does."""
    if name in ("bias", "mask") and shape and _MASK_SHAPE.match("x".join(map(str, shape))):
        return "is a mask computed by the model itself"
    return _BENIGN.get(name, "")


def split(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The path of the module that a user wrote, and the tensor's name in it, with its parametrization."""
    if len(tokens) > _MOST_PARTS:
        return tokens[: _MOST_PARTS - 1], ".".join(tokens[_MOST_PARTS - 1 :])
    for at in range(len(tokens) - 2, -1, -1):
        if tokens[at] == "parametrizations" and at < len(tokens) - 2:
            return tokens[:at], ".".join(tokens[at:])
    return tokens[:-1], tokens[-1]


def roles(names: Collection[str]) -> dict[str, str]:
    """The role of each tensor of one module, by name; no two have the same.

    A known name keeps itself; an alias counts only where the module has no tensor of that name.
    """
    found = {name: _parametrized(name, names) for name in names}
    taken = set(found.values())
    for name in names:
        role = _ALIASES.get(name)
        if found[name] == name and role and role not in taken:
            found[name] = role
            taken.add(role)
    return found


def _parametrized(name: str, names: Collection[str]) -> str:
    """``weight#g`` and ``weight#v`` of weight norm, ``weight#orig``, ``weight#u`` and ``weight#right`` of spectral."""
    parts = name.split(".")
    if parts[0] == "parametrizations" and len(parts) >= 3:
        of, rest = parts[1], ".".join(parts[2:])
        known = {"original0": "g", "original1": "v", "original": "orig", "0._u": "u", "0._v": "right"}
        return f"{of}#{known.get(rest, rest)}"
    stem, _, last = name.rpartition("_")
    if f"{stem}_orig" in names and f"{stem}_u" in names:
        return {"orig": f"{stem}#orig", "u": f"{stem}#u", "v": f"{stem}#right"}.get(last, name)
    if f"{stem}_g" in names and f"{stem}_v" in names and last in ("g", "v"):
        return f"{stem}#{last}"
    return name
