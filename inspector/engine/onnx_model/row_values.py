"""What every node of a graph makes on given inputs, by the module that the exporter wrote down for it."""

from collections.abc import Sequence

import torch

from inspector.core.errors import RequestError
from inspector.core.wording import shape
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.hierarchy import returned_name
from inspector.engine.onnx_model.inputs import Declared, declared_inputs
from inspector.engine.onnx_model.layout import last_read, module_stretches, node_rows
from inspector.engine.onnx_model.places import Node, Scope
from inspector.engine.onnx_model.providers import Provider
from inspector.engine.onnx_model.rows import source_lines
from inspector.engine.onnx_model.running import run
from inspector.engine.onnx_model.torch_values import torch_dtype
from inspector.engine.row_values import GraphValues, Named, NodeValue


def graph_values(graph: Graph, given: Named, providers: list[Provider], seed: int) -> GraphValues:
    """Run the graph on `given`, every node's output kept.

    Raises RequestError where its inputs are not those of `given`.
    """
    result = run(graph, _feeds(graph, given), providers, seed)
    given_out = {value.name for value in graph.outputs}
    indices, read, values = node_rows(graph), last_read(graph), list[NodeValue]()
    for node in graph.nodes[: result.reached]:
        modules = module_paths(node.scopes)
        if node.standard and node.proto.op_type == "Constant":
            continue
        for name in node.proto.output:
            tensor = result.tensor(name)
            if name and tensor is not None:
                values.append(
                    NodeValue(
                        name=name,
                        tensor=tensor,
                        node=node.path,
                        row=indices[node.index],
                        position=node.index,
                        last_read=read.get(name, -1),
                        modules=modules,
                        lines=tuple((one.file, one.line) for one in source_lines(node)),
                        final=name in given_out or name == returned_name(node.proto),
                    )
                )
    calls: dict[str, list[tuple[int, int, int]]] = {}
    for scopes, first, last, row in module_stretches(graph):
        calls.setdefault(module_paths(scopes)[-1], []).append((first, last, row))
    outputs = [(value.name, tensor) for value in graph.outputs if (tensor := result.tensor(value.name)) is not None]
    makers = [graph.producers[name].path if name in graph.producers else name for name, _ in outputs]
    failed = None if result.refusal is None else result.refusal.culprit
    return GraphValues(
        values=values,
        calls=calls,
        readers=_readers(graph, values),
        outputs=outputs,
        output_nodes=makers,
        failure=None if result.refusal is None else result.refusal.message,
        failed_node="" if failed is None else graph.nodes[failed].path,
        failed_module="" if failed is None else next(iter(module_paths(graph.nodes[failed].scopes)[-1:]), ""),
    )


def module_paths(scopes: Sequence[Scope]) -> tuple[str, ...]:
    """The modules' names in ``named_modules()``, the outermost first.

    torch's older exporter writes a child of a container with the container's name: ``/layer1/layer1.0/conv1``.
    """
    paths: list[str] = []
    before, within = "", ""
    for scope in scopes:
        part = scope.path if "/" not in scope.path else scope.path.rpartition("/")[2]
        if not part.startswith(f"{before}." if before else "\0") and "/" in scope.path and paths:
            within = paths[-1]
        name = f"{within}.{part}" if within and not part.startswith(f"{within}.") else part
        paths.append(name)
        before = part
    return tuple(paths)


def _feeds(graph: Graph, given: Named) -> dict[str, torch.Tensor]:
    declared = {one.name: value for one, value in zip(declared_inputs(graph), graph.inputs, strict=True)}
    named = dict(given)
    if set(declared) <= set(named):
        pairs = {name: named[name] for name in declared}
    elif len(given) == len(declared):
        pairs = dict(zip(declared, (tensor for _, tensor in given), strict=True))
    else:
        raise RequestError(
            f"the ONNX file takes {len(declared)} inputs ({', '.join(declared)}), the model is given {len(given)} "
            f"({', '.join(name for name, _ in given)}); they cannot be paired"
        )
    feeds = {}
    for (name, tensor), one in zip(pairs.items(), declared_inputs(graph), strict=True):
        wanted = torch_dtype(declared[name].type.tensor_type.elem_type)
        if tensor.dtype != wanted and not (tensor.is_floating_point() and wanted.is_floating_point):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise RequestError(f"input {name!r} is {kind} {shape(list(tensor.shape))}, the ONNX file declares {one}")
        if not _fits(one, tensor):
            raise RequestError(
                f"input {name!r} is {shape(list(tensor.shape))}, the ONNX file declares {one}; give that with --input"
            )
        feeds[name] = tensor.detach().cpu().to(wanted)
    return feeds


def _fits(one: Declared, tensor: torch.Tensor) -> bool:
    if one.sizes is None:
        return True
    sizes = zip(one.sizes, tensor.shape, strict=False)
    return len(one.sizes) == tensor.dim() and all(not isinstance(size, int) or size == given for size, given in sizes)


def _readers(graph: Graph, values: list[NodeValue]) -> dict[str, list[NodeValue]]:
    """By module, what the nodes make that read its parameters: straight, or worked out from parameters alone."""
    made: dict[int, list[NodeValue]] = {}
    for value in values:
        made.setdefault(value.position, []).append(value)
    found: dict[str, list[NodeValue]] = {}
    for name in graph.initializers:
        module = name.rpartition(".")[0]
        waiting, met = [name], {name}
        while waiting:
            for node, _ in graph.readers.get(waiting.pop(), []):
                if _is_constant(graph, node, met):
                    waiting += [output for output in node.proto.output if output not in met]
                    met.update(node.proto.output)
                else:
                    found.setdefault(module, []).extend(made.get(node.index, []))
    return found


def _is_constant(graph: Graph, node: Node, met: set[str]) -> bool:
    return all(not name or name in met or name in graph.initializers or name in graph.constants
               for name in node.proto.input)  # fmt: skip
