"""First guesses by the signature alone: one axis for the batch, one of a usual length, and what names are used for.

A name or an annotation decides only where to start: what a call wants is believed more.
"""

import inspect
import typing
from typing import Any

import torch
from torch import nn

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.repairing import Guess
from inspector.engine.pytorch.inputs.usual import NODES, SEQUENCE
from inspector.engine.pytorch.signatures import annotations_of, parameters_of

_LONG = ("torch.LongTensor", "torch.IntTensor", "LongTensor", "IntTensor")
_EDGES = ("edge_index", "edges", "edge_indices")
_MATRICES = ("adj", "adjacency", "adj_matrix", "adj_mat", "a_hat", "laplacian")
_STATES = (
    "hidden", "h0", "h_0", "hx", "h", "state", "states", "hidden_state", "prev_hidden", "init_state", "prev_state",
    "memory_state", "c0", "c", "hc", "hidden_states_prev",
)  # fmt: skip
_TIMES = ("t", "timestep", "timesteps", "time", "time_step", "time_steps", "noise_level", "sigma", "noise_labels")
_LABELS = ("labels", "label", "y", "class_labels", "classes", "class_label", "cond_label")
_LENGTHS = (
    "lengths",
    "lens",
    "seq_lengths",
    "seq_lens",
    "src_len",
    "src_lengths",
    "input_lengths",
    "text_lengths",
    "length",
    "seq_len",
    "x_len",
    "x_lens",
    "src_lens",
    "sequence_lengths",
    "lengths_x",
)
_IDS = ("input_ids", "token_ids", "tokens", "ids", "idx")
_MASKS = ("mask", "attention_mask", "attn_mask", "src_mask", "tgt_mask", "trg_mask", "padding_mask", "pad_mask")


def required_parameters(model: nn.Module) -> list[inspect.Parameter]:
    """The arguments that forward cannot do without; of one that takes any number, one."""
    needed = [
        each
        for each in parameters_of(model)
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    keyword = [each for each in parameters_of(model) if each.default is each.empty and each.kind == each.KEYWORD_ONLY]
    if not needed and not keyword:
        needed = [each for each in parameters_of(model) if each.kind == each.VAR_POSITIONAL]
    return needed + keyword


def optional_parameters(model: nn.Module) -> list[inspect.Parameter]:
    """Arguments that are None where they are left out."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [each for each in parameters_of(model) if each.default is None and each.kind in kinds]


def first_guesses(model: nn.Module, batch: int, dtype: str) -> list[Guess]:
    """Where to start from, likely ones first."""
    hints = annotations_of(model)
    parameters = required_parameters(model)
    names = {each.name for each in parameters}
    batch = NODES if names & {*_EDGES, *_MATRICES} else batch
    guesses = [_guess(parameters, hints, batch, dtype)]
    if not parameters and optional_parameters(model):
        guesses = [(), *(_guess([each], hints, batch, dtype) for each in optional_parameters(model)[:1])]
        guesses.append(_guess(optional_parameters(model)[:2], hints, batch, dtype))
    elif len(parameters) == 1:
        # A sequence: what a model of tokens or of steps in time takes without a word where the batch is alone.
        guesses.append(tuple(_plain(each.name, [batch, SEQUENCE], "int64") for each in parameters))
    return guesses


def is_state(name: str) -> bool:
    """Whether a recurrent layer's state is usually called so."""
    return name.lower() in _STATES


def takes_any_number(model: nn.Module) -> bool:
    """Whether its inputs are ``*inputs``."""
    return [each.kind for each in required_parameters(model)] == [inspect.Parameter.VAR_POSITIONAL]


def _guess(parameters: list[inspect.Parameter], hints: dict[str, Any], batch: int, dtype: str) -> Guess:
    made: list[InputSpec] = []
    for each in parameters:
        if each.kind == each.VAR_POSITIONAL:
            made.append(_plain(f"{each.name}[0]", [batch, SEQUENCE], dtype))
            continue
        made += _of_annotation(each.name, hints.get(each.name), batch, dtype) or [_of_name(each.name, batch, dtype)]
    return tuple(made)


def _of_annotation(name: str, annotation: Any, batch: int, dtype: str) -> list[InputSpec]:
    """What the annotation asks for; nothing where it does not say more than that it is a tensor."""
    if annotation is None or annotation is inspect.Parameter.empty:
        return []
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if annotation in (torch.LongTensor, torch.IntTensor) or text in _LONG:
        return [_plain(name, [batch, SEQUENCE], "int64")]
    if annotation is torch.BoolTensor or text in ("torch.BoolTensor", "BoolTensor"):
        return [_plain(name, [batch, SEQUENCE], "bool")]
    plain = {bool: "False", int: "4", float: "0.5", str: "''"}
    if annotation in plain:
        return [InputSpec(name=name, value=plain[annotation])]
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        inner = [each for each in arguments if each is not type(None)]
        return _of_annotation(name, inner[0], batch, dtype) if inner else []
    if origin in (list, tuple) or annotation in (list, tuple):
        parts = [each for each in arguments if each is not Ellipsis]
        count = len(parts) if origin is tuple and Ellipsis not in arguments and parts else 1
        if parts and parts[0] in (int, float, bool, str):
            return [InputSpec(name=name, value=str([1] * count))]
        return [_plain(f"{name}[{place}]", [batch, SEQUENCE], dtype) for place in range(count)]
    fields = getattr(annotation, "__dataclass_fields__", None) or getattr(annotation, "_fields", None)
    if fields and isinstance(annotation, type) and not issubclass(annotation, torch.Tensor):
        of_fields = typing.get_type_hints(annotation)
        made: list[InputSpec] = []
        for each in fields:
            part = f"{name}.{each}"
            made += _of_annotation(part, of_fields.get(each), batch, dtype) or [_of_name(part, batch, dtype)]
        return made
    return []


def _of_name(name: str, batch: int, dtype: str) -> InputSpec:
    bare = name.rpartition(".")[2].lower()
    if bare in _EDGES:
        return InputSpec(name=name, shape=[2, 2 * NODES], dtype="int64", distribution="range", low=0, high=NODES)
    if bare in _MATRICES:
        return InputSpec(name=name, shape=[NODES, NODES], dtype=dtype, distribution="uniform")
    if bare in _TIMES or bare in _LABELS:
        return InputSpec(name=name, shape=[batch], dtype="int64")
    if bare in _LENGTHS:
        high = SEQUENCE + 1
        return InputSpec(name=name, shape=[batch], dtype="int64", distribution="range", low=SEQUENCE, high=high)
    if bare in _IDS:
        return _plain(name, [batch, SEQUENCE], "int64")
    if bare in _MASKS or bare.endswith("_mask"):
        return InputSpec(name=name, shape=[batch, SEQUENCE], dtype=dtype, distribution="ones")
    if bare in _STATES:
        return InputSpec(name=name, value="None")
    if "ratio" in bare or bare.startswith(("is_", "use_", "return_")):
        return InputSpec(name=name, value="0.5" if "ratio" in bare else "False")
    return _plain(name, [batch, SEQUENCE], dtype)


def _plain(name: str, shape: list[int], dtype: str) -> InputSpec:
    return InputSpec(name=name, shape=shape, dtype=dtype)
