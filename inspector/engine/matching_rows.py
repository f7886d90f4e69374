"""Pairs the rows of a PyTorch pass with values of an ONNX run, and tells where they part.

A module's value is sought among what the nodes of its scope make and others read: of its shape, and the nearest where
there are several. That can hide no fault, as a wrong value is near none. A function's value is paired only where as
many nodes name its line as there are calls of it: a part that was folded away must not look like a fault. Nor must a
call that torch does not see, to NumPy, whose node answers to another: a fault shows behind its row as well.
"""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from msgspec.structs import replace

from inspector.core.row_comparison import (
    ROUNDING,
    ComparedOutput,
    ComparedPass,
    ComparedRow,
    Difference,
    Divergence,
    Merged,
    bound,
    first_divergence,
)
from inspector.engine.parting import RANDOM, compared_output, dtype_name, parted, tolerance_between, why
from inspector.engine.row_values import GraphValues, ModuleValues, NodeValue, RowValue
from inspector.engine.tensor_differences import difference

_COUNTED = re.compile(r"_\d+(?=\.|$)")
Pairing = dict[int, tuple[int, str]]
"""By a row's position in its pass, which of its outputs is compared and the name of the value that answers to it."""


@dataclass
class Matched:
    """A compared pass, and which modules it reached."""

    made: ComparedPass
    pairing: Pairing = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    merged: list[Merged] = field(default_factory=list)


def match(model: ModuleValues, graph: GraphValues, inputs: list[str], known: Pairing | None = None) -> Matched:
    """Compare a pass with a run on the same inputs.

    `known` is the pairing of an earlier pass that made the same calls: then a value of another shape is a fault.
    """
    matching = _Matching(model, graph, known)
    outputs = _outputs(model, graph)
    rows = _credible(matching.rows(), outputs)
    if graph.outputs:
        # The model itself is compared by its outputs.
        matching.paths.add("")
    dtype = _coarser([tensor for _, tensor in [*model.outputs, *graph.outputs]])
    made = ComparedPass(inputs=inputs, dtype=dtype, outputs=outputs, rows=rows, failure=graph.failure)
    divergence = first_divergence(made)
    if divergence is None and graph.failure is not None:
        divergence = Divergence(
            path=graph.failed_module, node=graph.failed_node or None, relative=None, why=graph.failure, inputs=inputs
        )
    made = replace(made, first_divergence=divergence)
    return Matched(made, matching.pairing, matching.paths, _merged(model, graph, matching.paths))


def _credible(rows: list[ComparedRow], outputs: list[ComparedOutput]) -> list[ComparedRow]:
    """Without functions that part where no module and no output does: what was paired with them was something else."""
    seen = any(row.parted for row in rows if row.kind == "module") or any(one.parted or one.random for one in outputs)
    if seen or not outputs:
        return rows
    return [row for row in rows if row.kind == "module" or not row.parted]


class _Matching:
    def __init__(self, model: ModuleValues, graph: GraphValues, known: Pairing | None) -> None:
        self.model = model
        self.graph = graph
        self.known = known
        self.pairing: Pairing = {}
        self.paths: set[str] = set()
        self._positions = [value.position for value in graph.values]
        self._by_name = {value.name: value for value in graph.values}
        self._times: dict[str, int] = defaultdict(int)
        for row in model.rows:
            if row.kind == "module":
                self._times[row.path] += 1
        self._calls = self._calls_by_module()
        self._functions = self._pair_functions()

    def _calls_by_module(self) -> dict[str, list[tuple[int, int, int]]]:
        """The graph's calls by the model's paths: an older exporter names the second call of ``relu`` ``relu_1``."""
        found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for path, stretches in self.graph.calls.items():
            counted = path if path in self._times else _COUNTED.sub("", path)
            found[counted if counted in self._times else path] += stretches
        return {path: sorted(stretches) for path, stretches in found.items()}

    def rows(self) -> list[ComparedRow]:
        found = []
        for position, row in enumerate(self.model.rows):
            compared = self._compared(position, row) if row.path or row.kind == "function" else None
            if compared is not None:
                found.append(compared)
        return found

    def _compared(self, position: int, row: RowValue) -> ComparedRow | None:
        """A row beside the value that answers to it: to its first output, where the graph still makes that one."""
        for number, tensor in enumerate(row.tensors):
            if self.known is not None and self.known.get(position, (number,))[0] != number:
                continue
            found = self._nearest(position, row, tensor)
            if found is None:
                continue
            value, apart, tolerance = found
            random = position in self.model.random and apart.shape_a is None
            if random:
                apart = Difference()
            self.pairing[position] = number, value.name
            if row.kind == "module":
                self.paths.add(row.path)
            return ComparedRow(
                path=row.path,
                call=row.call,
                type=row.type,
                kind="module" if row.kind == "module" else "function",
                node=value.node,
                max_abs=apart.max_abs,
                relative=apart.relative,
                tolerance=None if random else tolerance,
                parted=parted(apart, tolerance),
                random=random,
                why=RANDOM if random else why(apart),
                row=row.row,
                node_row=self._scope_row(row) or value.row,
            )
        return None

    def _nearest(
        self, position: int, row: RowValue, tensor: torch.Tensor
    ) -> tuple[NodeValue, Difference, float] | None:
        best: tuple[NodeValue, Difference, float] | None = None
        for value in self._candidates(position, row, tensor):
            apart = difference(tensor, value.tensor)
            tolerance = tolerance_between(self._tolerance(position, tensor), tensor, value.tensor)
            if best is None or _distance(apart) < _distance(best[1]):
                best = value, apart, tolerance
            if position in self.model.random or not parted(apart, tolerance):
                break
        return best

    def _scope_row(self, row: RowValue) -> int | None:
        stretches = self._calls.get(row.path, []) if row.kind == "module" else []
        return stretches[row.call][2] if row.call < len(stretches) else None

    def _candidates(self, position: int, row: RowValue, wanted: torch.Tensor) -> Iterator[NodeValue]:
        """Values of a row's shape, the last first; the one that is known where a pass before found it."""
        if self.known is not None:
            value = self._by_name.get(self.known[position][1]) if position in self.known else None
            return iter([value] if value is not None else [])
        if row.kind == "function":
            value = self._functions.get(position)
            return iter([value] if value is not None else [])
        within = self._within(row)
        return (one for one in reversed(within) if one.tensor.shape == wanted.shape and _alike(wanted, one.tensor))

    def _within(self, row: RowValue) -> list[NodeValue]:
        stretches = self._calls.get(row.path, [])
        if len(stretches) == self._times[row.path]:
            first, last, _ = stretches[row.call]
            return [value for value in self._between(first, last) if value.last_read >= last]
        if stretches:
            return [value for first, last, _ in stretches for value in self._between(first, last)]
        # Without scopes in the file, what reads the module's parameters is its own.
        return [value for value in self.graph.readers.get(row.path, []) if not value.modules]

    def _between(self, first: int, last: int) -> list[NodeValue]:
        return self.graph.values[bisect_left(self._positions, first) : bisect_left(self._positions, last)]

    def _pair_functions(self) -> dict[int, NodeValue]:
        """By position among the rows, the value of a function: where calls and nodes of a line are as many."""
        calls: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for position, row in enumerate(self.model.rows):
            if row.kind == "function" and row.line is not None and len(row.tensors) == 1:
                tensor = row.tensors[0]
                if tensor.is_floating_point():
                    calls[row.path, row.line, tuple(tensor.shape)].append(position)
        nodes: dict[tuple[object, ...], list[NodeValue]] = defaultdict(list)
        for value in self.graph.values:
            if value.final and value.tensor.is_floating_point():
                path = value.modules[-1] if value.modules else ""
                for line in value.lines:
                    nodes[path, line, tuple(value.tensor.shape)].append(value)
        return {
            position: value
            for key, positions in calls.items()
            if len(nodes.get(key, [])) == len(positions)
            for position, value in zip(positions, nodes[key], strict=True)
        }

    def _tolerance(self, position: int, tensor: torch.Tensor) -> float:
        return bound(dtype_name(tensor), self.model.rounding.get(position), position + 1)


def _outputs(model: ModuleValues, graph: GraphValues) -> list[ComparedOutput]:
    if graph.failure is not None:
        return []
    found = []
    pairs = zip(model.outputs, graph.outputs, strict=False)
    for number, ((_, tensor), (name, other)) in enumerate(pairs):
        rounding = model.output_rounding[number] if number < len(model.output_rounding) else None
        tolerance = bound(dtype_name(tensor), rounding, len(model.rows) + 1)
        found.append(compared_output(name, tensor, other, tolerance, random=number in model.random_outputs))
    for name, _ in model.outputs[len(found) :]:
        found.append(ComparedOutput(name=name, parted=True, why="the ONNX file has no such output"))
    for name, _ in graph.outputs[len(model.outputs) :]:
        found.append(ComparedOutput(name=name, parted=True, why="the model has no such output"))
    return found


def _merged(model: ModuleValues, graph: GraphValues, paths: set[str]) -> list[Merged]:
    """Modules with parameters but without a row, whose parameters a node of another module reads."""
    found = []
    for holder in model.holders:
        names = model.names[holder]
        if any(name in paths for name in names):
            continue
        readers = [value for name in names for value in graph.readers.get(name, [])]
        into = [(value, value.modules[-1] if value.modules else "") for value in readers]
        reader = next(((value, path) for value, path in into if graph.calls and path not in names), None)
        if reader is not None:
            found.append(Merged(path=holder, into=reader[1], node=reader[0].node))
    return found


def _distance(apart: Difference) -> float:
    if apart.relative is None or apart.not_finite:
        return math.inf
    return apart.relative


def _alike(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.is_floating_point() == b.is_floating_point() and a.is_complex() == b.is_complex()


def _coarser(tensors: list[torch.Tensor]) -> str:
    every = [dtype_name(tensor) for tensor in tensors]
    names = [name for name in every if name in ROUNDING]
    return max(names, key=lambda name: ROUNDING[name], default=every[0] if every else "float32")
