"""Which activation or normalisation takes what a module put out, as the recorded pass saw it."""

from inspector.core.activation_gains import ACTIVATIONS
from inspector.core.fans import gain
from inspector.core.initialisers import NONLINEARITIES
from inspector.engine.pytorch.calls import CallRecord

CARRYING = {
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alphadropout", "identity", "view", "reshape", "flatten",
    "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "contiguous", "chunk", "split", "getitem",
    "maxpool1d", "maxpool2d", "maxpool3d",
}  # fmt: skip
"""Operations that hand on about the scale they are given."""
NEAR = 50
"""Calls that are looked through."""
NONLINEAR = {"relu", "leakyrelu", "tanh", "sigmoid", "selu", *ACTIVATIONS, "logsigmoid", "softmax", "logsoftmax"}
_TORCH_SPELLING = {"leakyrelu": "leaky_relu"}


def followers(root: CallRecord | None, paths: set[str]) -> dict[str, str]:
    """By path, the type of the activation or normalisation that takes the first output; none where neither does."""
    calls = _in_order(root) if root is not None else []
    found: dict[str, str | None] = {}
    for place, call in enumerate(calls):
        if not call.is_function and call.path in paths and call.path not in found:
            found[call.path] = _follower(call, calls[place + 1 : place + 1 + NEAR])
    return {path: type_ for path, type_ in found.items() if type_ is not None}


def follows(follower: str) -> str:
    """A follower and the gain that suits it, in words: ``GELU → nonlinearity=gelu, gain 1.468``."""
    if "norm" in _plain(follower):
        return f"{follower}, which sets the scale itself"
    name = nonlinearity_of(follower)
    if name is not None:
        return f"{follower} → nonlinearity={name}, gain {gain(name):.4g}"
    return f"{follower}, for which no gain is known"


def nonlinearity_of(follower: str) -> str | None:
    """The name under which the initialisers know a follower; None for one without a gain."""
    name = _TORCH_SPELLING.get(_plain(follower), _plain(follower))
    return name if name in (*NONLINEARITIES, *ACTIVATIONS) else None


def _in_order(call: CallRecord) -> list[CallRecord]:
    found: list[CallRecord] = []
    waiting = [call]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += reversed(one.children)
    return found


def _follower(call: CallRecord, later: list[CallRecord]) -> str | None:
    """The first one later that takes the output itself or what was carried on from it."""
    carried = set(call.output_ids)
    for one in later:
        if not carried & set(one.input_ids):
            # Memory of a tensor that is gone may be another's.
            carried -= set(one.output_ids)
            continue
        name = _plain(one.type)
        if name in NONLINEAR or "norm" in name:
            return one.type
        if name in CARRYING:
            carried |= set(one.output_ids)
        elif not one.children:
            return None
    return None


def _plain(type_: str) -> str:
    return type_.rpartition(".")[2].lower().replace("_", "")
