"""What every module and function of a PyTorch model puts out in one pass, and how far rounding alone moves it."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import later_seed
from inspector.core.wording import number
from inspector.engine.live import Progress
from inspector.engine.parting import differs
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import named_tensors, tensors_in, with_tensors
from inspector.engine.pytorch.places import inventory_of, own_parameters, places_of
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.structure import static_rows
from inspector.engine.row_values import ModuleValues, Named, RowValue
from inspector.engine.tensor_differences import difference

WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}
LOST = 0.5
"""A relative difference of this much is no rounding: what comes out is another result."""


@dataclass
class _Kept:
    """The calls of a pass in the order in which they finish, and what they put out."""

    calls: list[CallRecord] = field(default_factory=list)
    tensors: list[list[torch.Tensor]] = field(default_factory=list)


def module_values(
    model: nn.Module, arguments: Arguments, names: list[str], seed: int, progress: Progress
) -> ModuleValues:
    """Run `model` once as it is, once with another seed, and once in a wider type; it is as before afterwards.

    Raises RequestError where it does not run.
    """
    kept = _Kept()

    def keep(call: CallRecord, output: Any) -> None:
        progress(len(kept.calls), None, f"after {call.place or 'model'} {call.type}")
        kept.calls.append(call)
        # Copies, because a later call may write into what an earlier one put out.
        kept.tensors.append([tensor.detach().clone() for tensor in tensors_in(output)])

    recorder = Recorder(model, measure=keep)
    try:
        output = real_pass(model, arguments, recorder, seed)
    except NO_FAILURES:
        raise
    except Exception as problem:
        raise RequestError(
            f"the model does not run on this input: {first_line(problem)}; run forward to see where"
        ) from problem
    outputs = named_tensors(output, "output")
    random, random_outputs = _random(model, arguments, kept, outputs, later_seed(seed, 1), progress)
    rounding, output_rounding, notes = _rounding(model, arguments, kept, outputs, seed, progress)
    return ModuleValues(
        inputs=list(zip(names, tensors_in(arguments), strict=True)),
        outputs=outputs,
        rows=_rows(model, recorder.root, kept),
        rounding=rounding,
        output_rounding=output_rounding,
        random=random,
        random_outputs=random_outputs,
        **_holders(model),
        notes=notes,
    )


def in_dtype(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of the model with all floating-point tensors in `dtype`.

    Raises RequestError where the model cannot be copied.
    """
    try:
        copied: nn.Module = copy.deepcopy(model)
    except Exception as problem:
        raise RequestError(f"the model cannot be copied: {first_line(problem)}") from problem
    return copied.to(dtype)


def arguments_in(arguments: Arguments, dtype: torch.dtype) -> Arguments:
    """The same arguments, floating-point tensors in `dtype`."""
    changed: Arguments = with_tensors(arguments, lambda one: one.to(dtype) if one.is_floating_point() else one)
    return changed


def dtype_of(model: nn.Module) -> torch.dtype:
    """The type that most of the model's floating-point numbers have; float32 where it has none."""
    counts: dict[torch.dtype, int] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        if tensor.is_floating_point():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    return max(counts, key=lambda dtype: counts[dtype], default=torch.float32)


def _rounding(
    model: nn.Module, arguments: Arguments, kept: _Kept, outputs: Named, seed: int, progress: Progress
) -> tuple[dict[int, float], list[float], list[str]]:
    """How far the pass in a wider type is from the first; what it cannot tell is left out."""
    wider = WIDER.get(dtype_of(model))
    if wider is None:
        return {}, [], []
    rounding: dict[int, float] = {}
    position = 0

    def measure(call: CallRecord, output: Any) -> None:
        nonlocal position
        progress(position, len(kept.calls), f"rounding of {call.place or 'model'} {call.type}")
        at, position = position, position + 1
        if at < len(kept.calls) and (kept.calls[at].place, kept.calls[at].type) == (call.place, call.type):
            apart = [_relative(a, b) for a, b in zip(kept.tensors[at], tensors_in(output), strict=False)]
            rounding[at] = max(apart, default=0.0)

    default = torch.get_default_dtype()
    try:
        copied = in_dtype(model, wider)
        # What forward makes itself, such as positions, is to be as wide as the rest.
        torch.set_default_dtype(wider)
        output = real_pass(copied, arguments_in(arguments, wider), Recorder(copied, measure=measure), seed)
    except NO_FAILURES:
        raise
    except Exception as problem:
        name = str(wider).removeprefix("torch.")
        return rounding, [], [f"rounding could not be measured throughout: in {name} {first_line(problem)}"]
    finally:
        torch.set_default_dtype(default)
    pairs = zip(outputs, named_tensors(output, "output"), strict=False)
    lost = next((at for at, apart in sorted(rounding.items()) if apart > LOST), None)
    notes = [] if lost is None else [_lost(kept.calls[lost], rounding[lost], dtype_of(model), wider)]
    return rounding, [_relative(a, b) for (_, a), (_, b) in pairs], notes


def _lost(call: CallRecord, apart: float, dtype: torch.dtype, wider: torch.dtype) -> str:
    narrow, wide = (str(one).removeprefix("torch.") for one in (dtype, wider))
    return (
        f"PyTorch's own {narrow} output of {call.place or 'model'} {call.type} is {number(apart)} relative from its "
        f"{wide} one: from there on rows say little about the file"
    )


def _random(
    model: nn.Module, arguments: Arguments, kept: _Kept, outputs: Named, seed: int, progress: Progress
) -> tuple[frozenset[int], frozenset[int]]:
    """Rows and outputs that come out otherwise with this seed; all from where it calls something else."""
    found: set[int] = set()
    position, same_calls = 0, True

    def compare(call: CallRecord, output: Any) -> None:
        nonlocal position, same_calls
        progress(position, len(kept.calls), f"another seed: {call.place or 'model'} {call.type}")
        at, position = position, position + 1
        before = kept.calls[at] if at < len(kept.calls) else None
        same_calls = same_calls and before is not None and (before.place, before.type) == (call.place, call.type)
        if at < len(kept.calls) and not (same_calls and _same(kept.tensors[at], list(tensors_in(output)), at + 1)):
            found.add(at)

    try:
        output = real_pass(model, arguments, Recorder(model, measure=compare), seed)
    except NO_FAILURES:
        raise
    except Exception:
        # What a seed can make fail is random from there on.
        return frozenset(found | set(range(position, len(kept.calls)))), frozenset(range(len(outputs)))
    again = named_tensors(output, "output")
    steps = len(kept.calls) + 1
    drawn = {at for at, (_, one) in enumerate(outputs) if at >= len(again) or not _same([one], [again[at][1]], steps)}
    return frozenset(found | set(range(position, len(kept.calls)))), frozenset(drawn)


def _same(before: list[torch.Tensor], now: list[torch.Tensor], steps: int) -> bool:
    return len(before) == len(now) and not any(differs(a, b, steps) for a, b in zip(before, now, strict=True))


def _relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return (difference(a, b).relative or 0.0) if a.is_floating_point() and a.shape == b.shape else 0.0


def _rows(model: nn.Module, root: CallRecord | None, kept: _Kept) -> list[RowValue]:
    rows, calls = rows_with_calls(static_rows(inventory_of(model)), root)
    index = {id(call): row.index for row, call in zip(rows, calls, strict=True) if call is not None}
    counts: dict[tuple[str, str], int] = {}
    listed = []
    for call, tensors in zip(kept.calls, kept.tensors, strict=True):
        key = call.place, call.type if call.is_function else ""
        counts[key] = counts.get(key, -1) + 1
        source = call.source
        listed.append(
            RowValue(
                path=call.place,
                call=counts[key],
                type=call.type,
                kind="function" if call.is_function else "module",
                tensors=tensors,
                line=(source.file, source.line) if source is not None else None,
                row=index.get(id(call), 0),
            )
        )
    return listed


def _holders(model: nn.Module) -> dict[str, Any]:
    names: dict[int, list[str]] = {}
    for place in places_of(model):
        if own_parameters(place.module):
            names.setdefault(id(place.module), []).append(place.path)
    return {"holders": [paths[0] for paths in names.values()], "names": {paths[0]: paths for paths in names.values()}}
