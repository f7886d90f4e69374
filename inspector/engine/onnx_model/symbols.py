"""Shapes in the symbols that the file's inputs declare, beside those in numbers."""

from collections.abc import Mapping

from inspector.core.symbolic_sizes import Numbers, Sizes, symbolic_sizes
from inspector.core.table import SymbolicShape
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.inputs import declared_inputs
from inspector.engine.onnx_model.shapes import infer

_MOST_NODES = 5000
"""Inference is asked dozens of times, each in proportion to the nodes."""


def symbolic_shapes(graph: Graph, shapes: Mapping[str, list[int]]) -> dict[str, SymbolicShape]:
    """Of the values whose sizes depend on a symbol; `shapes` are those of the inputs in the pass that was made.

    Nothing where there is no symbol, or asking would take long.
    """
    declared = {one.name: one.sizes for one in declared_inputs(graph) if one.sizes is not None}
    base: Numbers = {}
    for name, sizes in declared.items():
        base.update((size, shapes[name][axis]) for axis, size in enumerate(sizes) if isinstance(size, str))
    if not base or len(graph.nodes) > _MOST_NODES:
        return {}

    def measure(numbers: Numbers) -> Sizes | None:
        bound = {
            name: [numbers[size] if isinstance(size, str) else size for size in sizes]
            for name, sizes in declared.items()
        }
        inferred = infer(graph, {**shapes, **bound})
        if inferred.problem is not None:
            return None
        return {name: value.shape for name, value in inferred.values.items() if value.shape is not None}

    found = symbolic_sizes(base, measure)
    return {name: sizes for name, sizes in found.items() if any(not isinstance(size, int) for size in sizes)}
