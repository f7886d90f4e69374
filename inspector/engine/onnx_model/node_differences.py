"""How the nodes of two graphs differ: paired by name, then by operator in the order in which they run."""

from difflib import SequenceMatcher

import onnx

from inspector.core.graph_comparison import ChangedNode, NodeDifferences
from inspector.core.row_comparison import (
    ComparedPass,
    ComparedRow,
    Difference,
    Divergence,
    RowComparison,
    bound,
    first_divergence,
)
from inspector.engine.onnx_model.graph import Graph
from inspector.engine.onnx_model.hyperparameters import hyperparameters
from inspector.engine.onnx_model.places import Node
from inspector.engine.parting import RANDOM, compared_output, differs, dtype_name, parted, tolerance_between, why
from inspector.engine.row_values import GraphValues
from inspector.engine.tensor_differences import difference

Pairs = list[tuple[Node, Node]]
_LONGEST = 80


def node_pairs(a: Graph, b: Graph) -> Pairs:
    """Nodes of both that answer to each other, in A's order: of one path and operator, else of one operator in step."""
    by_path = {(node.path, node.operator): node for node in b.nodes}
    pairs = {node.index: by_path[node.path, node.operator] for node in a.nodes if (node.path, node.operator) in by_path}
    taken = {node.index for node in pairs.values()}
    left = [node for node in a.nodes if node.index not in pairs]
    right = [node for node in b.nodes if node.index not in taken]
    steps = SequenceMatcher(None, [one.operator for one in left], [one.operator for one in right], autojunk=False)
    for block in steps.get_matching_blocks():
        for at in range(block.size):
            pairs[left[block.a + at].index] = right[block.b + at]
    return [(a.nodes[index], pairs[index]) for index in sorted(pairs)]


def node_differences(a: Graph, b: Graph, pairs: Pairs) -> NodeDifferences:
    """Nodes that one has only, and what differs of those that both have."""
    paired_a, paired_b = {one.index for one, _ in pairs}, {other.index for _, other in pairs}
    changed = [change for one, other in pairs for change in _changes(one, other)]
    touched = {change.a for change in changed}
    return NodeDifferences(
        only_a=[f"{node.path} ({node.operator})" for node in a.nodes if node.index not in paired_a],
        only_b=[f"{node.path} ({node.operator})" for node in b.nodes if node.index not in paired_b],
        changed=changed,
        unchanged=sum(one.path not in touched for one, _ in pairs),
    )


def random_values(run: GraphValues, again: GraphValues) -> frozenset[str]:
    """Names of values and outputs that differ between two runs of one graph with other seeds."""
    before, after = ({value.name: value.tensor for value in one.values} | dict(one.outputs) for one in (run, again))
    return frozenset(
        name for name, tensor in before.items() if name not in after or differs(tensor, after[name], len(before))
    )


def compare_runs(
    a: GraphValues,
    b: GraphValues,
    pairs: Pairs,
    inputs: list[str],
    random: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset()),
) -> RowComparison:
    """Values of paired nodes and outputs of two runs on the same inputs; `random` names those of A and of B that differ
    from run to run: they are not compared."""
    values_a = {value.name: value for value in a.values}
    values_b = {value.name: value for value in b.values}
    rows = []
    for one, other in pairs:
        first = next((values_a[name] for name in one.proto.output if name in values_a), None)
        second = next((values_b[name] for name in other.proto.output if name in values_b), None)
        if first is None or second is None:
            continue
        apart = difference(first.tensor, second.tensor)
        tolerance = bound(dtype_name(first.tensor), None, one.index + 1)
        tolerance = tolerance_between(tolerance, first.tensor, second.tensor)
        drawn = (first.name in random[0] or second.name in random[1]) and apart.shape_a is None
        apart = Difference() if drawn else apart
        rows.append(
            ComparedRow(
                path=one.path,
                type=one.operator,
                kind="node",
                node=other.path,
                max_abs=apart.max_abs,
                relative=apart.relative,
                tolerance=None if drawn else tolerance,
                parted=parted(apart, tolerance),
                random=drawn,
                why=RANDOM if drawn else why(apart),
                row=first.row,
                node_row=second.row,
            )
        )
    failure = b.failure or a.failure
    outputs = [
        compared_output(
            name,
            left,
            right,
            bound(dtype_name(left), None, len(pairs) + 1),
            random=name in random[0] or named in random[1],
        )
        for (name, left), (named, right) in (zip(a.outputs, b.outputs, strict=False) if failure is None else ())
    ]
    dtype = dtype_name(a.outputs[0][1]) if a.outputs else "float32"
    made = ComparedPass(inputs=inputs, dtype=dtype, outputs=outputs, rows=rows, failure=failure)
    divergence = first_divergence(made)
    if divergence is None and failure is not None:
        node = b.failed_node if b.failure else a.failed_node
        divergence = Divergence(path=node, node=node, relative=None, why=failure, inputs=inputs)
    made = ComparedPass(
        inputs=inputs, dtype=dtype, outputs=outputs, rows=rows, failure=failure, first_divergence=divergence
    )
    return RowComparison(passes=[made], modules=0, matched=0)


def _changes(one: Node, other: Node) -> list[ChangedNode]:
    changes = []
    mine = {attribute.name: attribute for attribute in one.proto.attribute}
    theirs = {attribute.name: attribute for attribute in other.proto.attribute}
    for name in sorted({*mine, *theirs}):
        before, after = _written(mine.get(name)), _written(theirs.get(name))
        if _content(mine.get(name)) != _content(theirs.get(name)):
            changes.append(ChangedNode(a=one.path, b=other.path, what=name, before=before, after=after))
    if one.path == other.path and list(one.proto.input) != list(other.proto.input):
        before, after = ", ".join(one.proto.input), ", ".join(other.proto.input)
        changes.append(ChangedNode(a=one.path, b=other.path, what="inputs", before=before, after=after))
    return changes


def _content(attribute: onnx.AttributeProto | None) -> bytes:
    if attribute is None:
        return b""
    bare = onnx.AttributeProto()
    bare.CopyFrom(attribute)
    bare.doc_string = ""
    return bytes(bare.SerializeToString(deterministic=True))


def _written(attribute: onnx.AttributeProto | None) -> str:
    if attribute is None:
        return "not set"
    text = hyperparameters(Node(0, "", "", (), onnx.NodeProto(attribute=[attribute]), "")).partition("=")[2]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
