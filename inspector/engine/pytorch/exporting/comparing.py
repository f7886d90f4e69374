"""Compares a PyTorch model with an ONNX graph, row by row, on the same inputs: `export --verify`, and `diff`."""

from collections.abc import Callable, Iterator

import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.errors import NO_FAILURES, RequestError
from inspector.core.recipe import InputSpec
from inspector.core.row_comparison import RowComparison
from inspector.engine.live import Progress
from inspector.engine.matching_rows import Matched, match
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.initializers import dtype_name
from inspector.engine.onnx_model.inputs import Declared, declared_inputs
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.row_values import graph_values
from inspector.engine.pytorch.inputs.arguments import named_arguments_for
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.row_values import arguments_in, dtype_of, in_dtype, module_values
from inspector.engine.pytorch.shape_pass import real_pass
from inspector.engine.pytorch.signatures import parameters_of
from inspector.engine.row_values import ModuleValues, Named

SMALL_SIZE = 8
"""Up to here a size counts things, such as samples, and one more is another size."""


def compare_rows(
    model: nn.Module, graph: Graph, specs: list[InputSpec], providers: list[Provider], seed: int, progress: Progress
) -> RowComparison:
    """Both on inputs for `specs`, then on other sizes where the graph leaves axes open.

    Raises RequestError where the model does not run, or its inputs are not the graph's.
    """
    wanted = _float_type(graph) or dtype_of(model)
    run_model = _subject(model, wanted, specs, seed, progress)

    def one_pass(inputs: list[InputSpec], before: tuple[Matched, ModuleValues] | None) -> tuple[Matched, ModuleValues]:
        values = run_model(inputs)
        progress(0, None, "running the ONNX file")
        ran = graph_values(graph, values.inputs, providers, seed)
        typed = [str(spec) for spec in inputs]
        known = before[0].pairing if before is not None and _same_calls(before[1], values) else None
        return match(values, ran, typed, known), values

    first = one_pass(specs, None)
    matched, values = first
    passes, notes = [matched.made], list(values.notes)
    others = list(_other_sizes(graph, specs))
    for inputs in others:
        try:
            again, _ = one_pass(inputs, first)
        except RequestError:
            continue
        passes.append(again.made)
        break
    else:
        if others:
            notes.append(
                "no other size was found at which the PyTorch model runs: open axes were tried at one size only"
            )
    merged = matched.merged
    gone = {one.path for one in merged}
    found = [path for path in values.holders if any(name in matched.paths for name in values.names[path])]
    lacking = [path for path in values.holders if path not in gone and path not in found]
    called = {row.path for row in values.rows}
    idle = [path for path in lacking if not called & set(values.names[path])]
    return RowComparison(
        passes=passes,
        modules=len(values.holders) - len(idle),
        matched=len(found) + len(merged),
        merged=merged,
        unmatched=[path for path in lacking if path not in idle],
        idle=idle,
        notes=notes,
    )


def _subject(
    model: nn.Module, wanted: torch.dtype, specs: list[InputSpec], seed: int, progress: Progress
) -> Callable[[list[InputSpec]], ModuleValues]:
    """Runs the model in the graph's type; as it is where it already has that, or chooses types itself."""

    def runner(subject: nn.Module, dtype: torch.dtype | None) -> Callable[[list[InputSpec]], ModuleValues]:
        def run(inputs: list[InputSpec]) -> ModuleValues:
            arguments, names = named_arguments_for(subject, inputs, seed)
            arguments = arguments if dtype is None else arguments_in(arguments, dtype)
            return module_values(subject, arguments, input_names(subject, names), seed, progress)

        return run

    if dtype_of(model) == wanted:
        return runner(model, wanted)
    converted = in_dtype(model, wanted)
    arguments, _ = named_arguments_for(converted, specs, seed)
    try:
        real_pass(converted, arguments_in(arguments, wanted), Recorder(converted), seed)
    except NO_FAILURES:
        raise
    except Exception:
        # A model that casts to the type of some of its layers does not run in another.
        return runner(model, None)
    return runner(converted, wanted)


def fitting(graph: Graph, specs: list[InputSpec]) -> list[InputSpec]:
    """The same inputs, with the graph's sizes where it fixes them."""
    fitted = {}
    for spec, one in _paired(graph, specs):
        if one is not None and one.sizes is not None and spec.shape is not None and len(one.sizes) == len(spec.shape):
            sizes = zip(one.sizes, spec.shape, strict=True)
            shape = [declared if isinstance(declared, int) else size for declared, size in sizes]
            fitted[id(spec)] = replace(spec, shape=shape)
    return [fitted.get(id(spec), spec) for spec in specs]


def input_names(model: nn.Module, names: list[str]) -> list[str]:
    """The names of a model's tensors, those given by position called as forward calls them."""
    listed: list[str] = []
    free = [one for one in parameters_of(model) if one.name not in names]
    for name in names:
        following = free.pop(0) if not name and free else None
        if following is not None and following.kind is following.VAR_POSITIONAL:
            free.insert(0, following)
            listed.append(f"{following.name}_{sum(one.startswith(following.name) for one in listed)}")
        else:
            listed.append(name or (following.name if following is not None else f"input_{len(listed)}"))
    return listed


def inputs_of(model: nn.Module, specs: list[InputSpec], seed: int) -> Named:
    """The tensors for `specs` by name, in the order in which the model is given them."""
    arguments, names = named_arguments_for(model, specs, seed)
    return list(zip(input_names(model, names), tensors_in(arguments), strict=True))


def _float_type(graph: Graph) -> torch.dtype | None:
    """The type of the graph's floating-point inputs, else of most of its weights; None where it has neither."""
    kinds = [one.dtype for one in declared_inputs(graph)]
    tensors = sorted(graph.initializers.values(), key=lambda one: -len(one.raw_data))
    for name in [*kinds, *(dtype_name(one.data_type) for one in tensors)]:
        dtype = getattr(torch, name, None)
        if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
            return dtype
    return None


def _same_calls(before: ModuleValues, now: ModuleValues) -> bool:
    return [(row.path, row.type) for row in before.rows] == [(row.path, row.type) for row in now.rows]


def _other_sizes(graph: Graph, specs: list[InputSpec]) -> Iterator[list[InputSpec]]:
    """Inputs with other sizes along the open axes; axes of one name change alike."""
    pairs = _paired(graph, specs)
    sizes: dict[str, tuple[int, bool]] = {}
    for spec, one in pairs:
        for axis, name in enumerate(one.sizes or [] if one is not None else []):
            if isinstance(name, str) and spec.shape is not None and axis < len(spec.shape):
                sizes.setdefault(name, (spec.shape[axis], axis == 0))
    for changes in _changes(sizes):
        changed = {id(spec): _with_sizes(spec, one.sizes or [], changes) for spec, one in pairs if one is not None}
        inputs = [changed.get(id(spec), spec) for spec in specs]
        if inputs != specs:
            yield inputs


def _paired(graph: Graph, specs: list[InputSpec]) -> list[tuple[InputSpec, Declared | None]]:
    """The specs of tensors, each with the input of the graph that takes it: by name, else in order."""
    declared = declared_inputs(graph)
    by_name = {one.name: one for one in declared}
    shaped = [spec for spec in specs if spec.value is None]
    return [
        (spec, by_name.get(spec.name) or (declared[at] if at < len(declared) else None))
        for at, spec in enumerate(shaped)
    ]


def _changes(sizes: dict[str, tuple[int, bool]]) -> Iterator[dict[str, int]]:
    """New sizes by name, the likeliest to fit first: sides by 32, which what halves five times needs."""
    for factor, more in ((1, 32), (2, 0), (1, 1)):
        yield {
            name: size + 1 if first or size <= SMALL_SIZE else factor * size + more
            for name, (size, first) in sizes.items()
        }
    yield {name: size + 1 for name, (size, first) in sizes.items() if first}


def _with_sizes(spec: InputSpec, declared: list[int | str], changes: dict[str, int]) -> InputSpec:
    if spec.shape is None:
        return spec
    shape = [
        changes.get(name, size) if isinstance(name, str) else size
        for size, name in zip(spec.shape, [*declared, *([0] * len(spec.shape))], strict=False)
    ]
    return replace(spec, shape=shape)
