"""The user's line without the call that cuts gradients off, where leaving it out is all there is to do."""

import ast

from inspector.engine.pytorch.experiments.value_flow import Cut
from inspector.engine.pytorch.source_edits import Edit, patch
from inspector.engine.pytorch.user_source import nodes_on_line, text_of


def mended_cut(cut: Cut) -> str:
    """A patch that leaves out the one ``.detach()`` or ``.data`` on the line of a cut; "" where that is not it."""
    name = cut.operation.rpartition(".")[2]
    if cut.source is None or cut.kind != "detached" or name not in ("detach", "data"):
        return ""
    if name == "detach":
        meant: list[tuple[ast.expr, ast.expr]] = [
            (node, node.func.value)
            for node in nodes_on_line(cut.source, ast.Call)
            if isinstance(node.func, ast.Attribute) and node.func.attr == name and not (node.args or node.keywords)
        ]
    else:
        attributes = nodes_on_line(cut.source, ast.Attribute)
        meant = [(node, node.value) for node in attributes if node.attr == name and isinstance(node.ctx, ast.Load)]
    if len(meant) != 1:
        return ""
    ((whole, value),) = meant
    return patch(Edit(cut.source.file, whole, text_of(cut.source.file, value)))
