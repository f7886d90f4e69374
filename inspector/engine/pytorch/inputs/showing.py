"""Inputs as the table shows them."""

import ast
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec.structs import replace
from torch import nn

from inspector.core.input_names import argument_of
from inspector.core.recipe import InputSpec
from inspector.core.table import Input, SizeRange
from inspector.engine.held_arguments import held_argument
from inspector.engine.input_files import read_input
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.solutions import Solutions
from inspector.engine.pytorch.nested import named_tensors


def is_complete(model: nn.Module, given: list[InputSpec]) -> bool:
    """Whether these are all the inputs that forward needs."""
    named = {argument_of(spec.name) for spec in given if spec.name}
    unnamed = sum(not spec.name for spec in given)
    return len([each for each in required_parameters(model) if each.name not in named]) <= unnamed


def as_inputs(
    model: nn.Module,
    specs: list[InputSpec],
    origin: Literal["given", "inferred", "declared"],
    solutions: Mapping[str, Solutions] | None = None,
    where: str = "",
    given: Sequence[InputSpec] = (),
) -> list[Input]:
    """The inputs as the table shows them; `where` says where they are declared, but for those that were `given`."""
    names = [each.name for each in required_parameters(model)]
    free = iter([name for name in names if name not in {argument_of(spec.name) for spec in specs}])
    shown = []
    for place, spec in enumerate(specs):
        name = spec.name or next(free, f"input{place}")
        if spec.held is not None:
            shown += _parts_held(name, spec)
            continue
        shape, dtype = _shape_and_dtype(spec)
        known = (solutions or {}).get(name, Solutions())
        is_given = any(replace(spec, name="") == replace(one, name="") for one in given)
        shown.append(
            Input(
                name=name,
                shape=shape,
                dtype=dtype,
                origin="given" if is_given else origin,
                spec=str(spec),
                alternatives=known.alternatives,
                reason=f"declared in {where}" if where and not is_given else known.reason,
                equation=known.equation,
                solutions=known.words,
                sizes=known.sizes,
            )
        )
    return shown


def _parts_held(name: str, spec: InputSpec) -> list[Input]:
    """The tensors of an argument that the caller holds, each by the expression that reaches it; the first is asked for.

    One without tensors is shown by its type.
    """
    assert spec.held is not None
    argument = held_argument(spec.held)
    parts = list(named_tensors(argument, name))
    told = [(part, list(one.shape), str(one.dtype).removeprefix("torch.")) for part, one in parts]
    return [
        Input(name=part, shape=shape, dtype=dtype, origin="given", spec=str(spec) if place == 0 else "")
        for place, (part, shape, dtype) in enumerate(told or [(name, None, type(argument).__name__)])
    ]


def _shape_and_dtype(spec: InputSpec) -> tuple[list[int] | None, str]:
    if spec.file is not None:
        tensor = read_input(spec.file)
        return list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if spec.value is not None:
        return None, type(ast.literal_eval(spec.value)).__name__
    return spec.shape, spec.dtype


def still_known(before: Sequence[Input], now: list[Input]) -> list[Input]:
    """What was found out about the sizes of an input also holds when another of those sizes is given."""
    known = {one.name: one for one in before}
    return [_still_known(known[one.name], one) if one.name in known else one for one in now]


def _still_known(old: Input, new: Input) -> Input:
    if new.shape is None or old.shape is None or new.dtype != old.dtype:
        return new
    shapes = [old.shape, *(shape for shape in old.alternatives if shape != old.shape)]
    if new.shape not in shapes and not any(fits(new.shape, old.shape, sizes) for sizes in old.sizes):
        return new
    return replace(
        new,
        alternatives=shapes if old.alternatives else [],
        equation=old.equation,
        solutions=old.solutions,
        sizes=old.sizes,
    )


def fits(shape: list[int], like: list[int], sizes: SizeRange) -> bool:
    """Whether a shape is `like` another but for one of the `sizes`."""
    if len(shape) != len(like):
        return False
    inside = {shape[axis] for axis in sizes.axes}
    same = all(
        one == other for axis, (one, other) in enumerate(zip(shape, like, strict=True)) if axis not in sizes.axes
    )
    size = min(inside)
    return same and len(inside) == 1 and size >= sizes.low and (sizes.high is None or size <= sizes.high)
