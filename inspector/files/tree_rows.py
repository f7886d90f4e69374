"""The rows of a file: the modules that it describes, and where it describes none, the parts of its keys."""

from dataclasses import dataclass, field
from pathlib import Path

from inspector.core.table import Row
from inspector.files.catalog import Catalog, CatalogModule, CatalogTensor
from inspector.files.distinct import distinct, kind_of

MAX_PARTS = 64
MAX_NAME = 1000
"""Parts and characters of a key; a longer one is not a path of modules."""
MAX_ROWS = 300_000
"""What lies beyond stays with the row above it."""
MAX_SHARED = 64
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


def rows_of(catalog: Catalog) -> list[Row]:
    """The rows in preorder; every module that the file describes has one, also without tensors."""
    tree = _Tree(catalog)
    for module in catalog.modules:
        node = tree.reach([*module.container, *_parts(module.path)])
        if node.module is None:
            node.module = module
    for tensor in catalog.tensors:
        tree.reach([*tensor.container, *_parts(tensor.name)[:-1]]).own.append(tensor)
    rows: list[Row] = []
    _add_rows(tree.root, None, 0, rows, _shared(catalog))
    return rows


@dataclass(slots=True)
class _Node:
    path: str
    name: str
    type: str
    children: dict[str, "_Node"] = field(default_factory=dict)
    own: list[CatalogTensor] = field(default_factory=list)
    module: CatalogModule | None = None


class _Tree:
    def __init__(self, catalog: Catalog) -> None:
        self.root = _Node("", Path(catalog.path).name, catalog.root_type)
        self.nodes = 1
        self.types = {".".join(container.path): container.type for container in catalog.containers}

    def reach(self, parts: list[str]) -> _Node:
        """The node at the end of the path, made where it is not there yet."""
        node = self.root
        for part in parts:
            child = node.children.get(part)
            if child is None:
                if self.nodes == MAX_ROWS:
                    return node
                path = f"{node.path}.{part}" if node.path else part
                child = node.children[part] = _Node(path, part, self.types.get(path, "prefix"))
                self.nodes += 1
            node = child
        return node


def _parts(name: str) -> list[str]:
    if len(name) > MAX_NAME:
        return [name]
    return name.split(".", MAX_PARTS) if name else []


def _shared(catalog: Catalog) -> dict[str, list[str]]:
    """Of modules that are met at several paths, the other ones."""
    groups: dict[str, list[str]] = {}
    for module in catalog.modules:
        if module.shared_with is not None:
            first = _path(module.container, module.shared_with)
            groups.setdefault(first, [first]).append(_path(module.container, module.path))
    return {
        path: [other for other in group[:MAX_SHARED] if other != path] for group in groups.values() for path in group
    }


def _path(container: list[str], path: str) -> str:
    return ".".join([*container, path] if path else container)


_UNKNOWN = Row(index=-1, parent=None, kind="module", path="", type="", depth=0)
_PREFIX = CatalogModule(path="", type="", class_path="")


def _add_rows(
    node: _Node, parent: int | None, depth: int, rows: list[Row], shared: dict[str, list[str]]
) -> list[CatalogTensor]:
    index = len(rows)
    rows.append(_UNKNOWN)  # until its subtree is counted
    below = list(node.own)
    for child in node.children.values():
        below += _add_rows(child, index, depth + 1, rows, shared)
    parameters = [tensor for tensor in below if kind_of(tensor) == "parameter"]
    kept = [tensor for tensor in below if kind_of(tensor) == "buffer"]
    (elements, size), (buffers, buffer_size) = distinct(parameters), distinct(kept)
    module = node.module or _PREFIX
    rows[index] = Row(
        index=index,
        parent=parent,
        kind="module",
        path=node.path,
        type=module.type or node.type,
        depth=depth,
        subtree=len(rows) - index,
        name=node.name,
        hyperparameters=module.hyperparameters,
        parameters=elements,
        own_parameters=distinct([tensor for tensor in node.own if kind_of(tensor) == "parameter"])[0],
        trainable_parameters=distinct([tensor for tensor in parameters if tensor.requires_grad])[0],
        buffers=buffers,
        parameter_bytes=size,
        buffer_bytes=buffer_size,
        shared_with=shared.get(node.path, []),
        training=module.training is True,
        container=module.type if module.type in _CONTAINERS and module.class_path.startswith("torch.nn.") else "",
        dtype=", ".join(sorted({tensor.dtype for tensor in below})) or None,
        device=", ".join(sorted({tensor.device for tensor in below})) or None,
        formula=module.formula,
        receptive_field=module.receptive_field,
    )
    return below
