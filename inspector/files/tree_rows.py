"""The rows of a file: the modules that it describes, and where it describes none, the parts of its keys."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from inspector.core.table import Row
from inspector.files.catalog import Catalog, CatalogModule, CatalogTensor
from inspector.files.distinct import bytes_of, distinct, elements_held, kind_of

MAX_PARTS = 64
MAX_NAME = 1000
"""Parts and characters of a key; a longer one is not a path of modules."""
MAX_ROWS = 300_000
"""What lies beyond stays with the row above it."""
MAX_SHARED = 64
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


def rows_of(catalog: Catalog, state: Collection[str] = ()) -> list[Row]:
    """The rows in preorder; every module that the file describes has one, also without tensors.

    `state` are the keys of optimizers' state, which count as neither parameters nor buffers.
    """
    tree = _Tree(catalog)
    for module in catalog.modules:
        node = tree.reach([*module.container, *_parts(module.path)])
        if node.module is None:
            node.module = module
    for tensor in catalog.tensors:
        tree.reach([*tensor.container, *_parts(tensor.name)[:-1]]).own.append(tensor)
    rows = _Rows(catalog, state)
    rows.add(tree.root, None, 0)
    return rows.rows


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


@dataclass(slots=True)
class _Held:
    """What is held at and below a row: sums of the tensors that share no memory, and those that do."""

    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    parameter_bytes: int = 0
    buffer_bytes: int = 0
    state_bytes: int = 0
    sharing: list[CatalogTensor] = field(default_factory=list)
    sharing_state: list[CatalogTensor] = field(default_factory=list)
    dtypes: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)

    def add(self, tensor: CatalogTensor, alone: bool, is_state: bool) -> None:
        self.dtypes.add(tensor.dtype)
        self.devices.add(tensor.device)
        if not alone:
            (self.sharing_state if is_state else self.sharing).append(tensor)
            return
        elements = elements_held(tensor)
        size = tensor.bytes if elements == tensor.elements else bytes_of(tensor, elements)
        if is_state:
            self.state_bytes += size
        elif kind_of(tensor) == "buffer":
            self.buffers += elements
            self.buffer_bytes += size
        else:
            self.parameters += elements
            self.parameter_bytes += size
            self.trainable += elements if tensor.requires_grad else 0

    def merge(self, other: "_Held") -> None:
        self.parameters += other.parameters
        self.trainable += other.trainable
        self.buffers += other.buffers
        self.parameter_bytes += other.parameter_bytes
        self.buffer_bytes += other.buffer_bytes
        self.state_bytes += other.state_bytes
        self.sharing += other.sharing
        self.sharing_state += other.sharing_state
        self.dtypes |= other.dtypes
        self.devices |= other.devices

    def totals(self) -> tuple[int, int, int, int, int]:
        """Parameters, trainable ones, buffers, and the bytes of parameters and of buffers."""
        own = (self.parameters, self.trainable, self.buffers, self.parameter_bytes, self.buffer_bytes)
        if not self.sharing:
            return own
        parameters = [tensor for tensor in self.sharing if kind_of(tensor) == "parameter"]
        count, size = distinct(parameters)
        trainable, _ = distinct([tensor for tensor in parameters if tensor.requires_grad])
        buffers, buffer_size = distinct([tensor for tensor in self.sharing if kind_of(tensor) == "buffer"])
        return own[0] + count, own[1] + trainable, own[2] + buffers, own[3] + size, own[4] + buffer_size


class _Rows:
    def __init__(self, catalog: Catalog, state: Collection[str]) -> None:
        self.rows: list[Row] = []
        self.state = state
        self.shared_with = _shared(catalog)
        uses = Counter(tensor.storage for tensor in catalog.tensors)
        self.shared_storages = {storage for storage, count in uses.items() if storage is not None and count > 1}

    def add(self, node: _Node, parent: int | None, depth: int) -> _Held:
        """Append the rows of a subtree."""
        index = len(self.rows)
        self.rows.append(_UNKNOWN)  # until its subtree is counted
        held = _Held()
        for tensor in node.own:
            held.add(tensor, tensor.storage not in self.shared_storages, tensor.key in self.state)
        own = held.totals()[0]
        for child in node.children.values():
            held.merge(self.add(child, index, depth + 1))
        parameters, trainable, buffers, parameter_bytes, buffer_bytes = held.totals()
        module = node.module or _PREFIX
        self.rows[index] = Row(
            index=index,
            parent=parent,
            kind="module",
            path=node.path,
            type=module.type or node.type,
            depth=depth,
            subtree=len(self.rows) - index,
            name=node.name,
            hyperparameters=module.hyperparameters,
            parameters=parameters,
            own_parameters=own,
            trainable_parameters=trainable,
            buffers=buffers,
            parameter_bytes=parameter_bytes,
            buffer_bytes=buffer_bytes,
            state_bytes=held.state_bytes + (distinct(held.sharing_state)[1] if held.sharing_state else 0),
            shared_with=self.shared_with.get(node.path, []),
            training=module.training is True,
            container=module.type if module.type in _CONTAINERS and module.class_path.startswith("torch.nn.") else "",
            dtype=", ".join(sorted(held.dtypes)) or None,
            device=", ".join(sorted(held.devices)) or None,
            formula=module.formula,
            receptive_field=module.receptive_field,
            local_field=module.local_field,
        )
        return held
