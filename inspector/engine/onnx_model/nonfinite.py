"""Which nodes of a graph are the first to make NaN or Inf of finite values."""

from inspector.core.recipe import InputSpec
from inspector.engine.nonfinite import Contagion, Origin, Origins, range_of, state_of
from inspector.engine.onnx_model.activations import completed, value_in
from inspector.engine.onnx_model.feeding import draw
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.rows import source_of

_PROBE = "a random input"


def origins(graph: Graph, specs: list[InputSpec], device: str, seed: int) -> Origins:
    """By one run; there is no backward pass. Raises RequestError where the graph does not run."""
    result = completed(graph, draw(graph, specs, seed), device, seed)
    contagion, taken = Contagion(), dict[int, str]()
    for node in graph.nodes:
        made = [(name, state_of(tensor)) for name in node.proto.output if (tensor := result.tensor(name)) is not None]
        if all(state.finite for _, state in made):
            continue
        values = [(name, value_in(graph, result, name)) for name in node.proto.input]
        given = [(name, value) for name, value in values if value is not None]
        states = [(name, state_of(value)) for name, value in given]
        if contagion.pass_on(node.index, states, made, meant=not given or node.proto.op_type == "ConstantOfShape"):
            floating = [value for _, value in given if value.is_floating_point()][:2]
            taken[node.index] = " and ".join(map(range_of, floating))
    reached = contagion.reach(value.name for value in graph.outputs)
    found = []
    for trail in contagion.trails:
        if trail.harmful or trail in reached:
            node = graph.nodes[trail.at]
            found.append(
                Origin(
                    direction="forward",
                    kind=trail.kind,
                    path=node.path,
                    type=node.proto.op_type,
                    source=source_of(node),
                    taken=taken.get(trail.at, ""),
                    reached=trail in reached,
                    probe=_PROBE,
                )
            )
    return Origins(found, [_PROBE])
