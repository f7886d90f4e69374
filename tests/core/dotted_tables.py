"""Tables from dotted keys, as a file of tensors would have them."""

from collections.abc import Mapping
from math import prod
from typing import Any, Literal

from inspector.core.table import ModelInfo, ModelTable, Row, Tensor


def table_of_keys(
    shapes: Mapping[str, list[int]],
    dtypes: Mapping[str, str] | None = None,
    framework: Literal["torch", "file"] = "file",
    of_rows: Mapping[str, dict[str, Any]] | None = None,
) -> ModelTable:
    """A row for each part of a key but its last, in the order in which they come up; `of_rows` sets more of some."""
    tree: dict[str, Any] = {}
    for key in shapes:
        node = tree
        for part in key.split(".")[:-1]:
            node = node.setdefault(part, {})
    tensors = [
        Tensor(
            key=key, kind="parameter", shape=shape, dtype=(dtypes or {}).get(key, "float32"), device="cpu",
            trainable=True, persistent=True, elements=prod(shape), bytes=4 * prod(shape), expression="",
        )
        for key, shape in shapes.items()
    ]  # fmt: skip
    rows: list[Row] = []

    def add(node: dict[str, Any], path: str, parent: int | None, depth: int) -> None:
        index = len(rows)
        rows.append(Row(index=index, parent=parent, kind="module", path=path, type="prefix", depth=depth))
        for name, below in node.items():
            add(below, f"{path}.{name}" if path else name, index, depth + 1)
        held = [one for one in tensors if not path or one.key.startswith(f"{path}.")]
        own = [one for one in held if one.key.rpartition(".")[0] == path]
        rows[index] = Row(
            **{
                "index": index, "parent": parent, "kind": "module", "path": path, "type": "prefix", "depth": depth,
                "name": path.rpartition(".")[2], "subtree": len(rows) - index,
                "parameters": sum(one.elements or 0 for one in held),
                "own_parameters": sum(one.elements or 0 for one in own),
                "parameter_bytes": sum(one.bytes or 0 for one in held),
                **(of_rows or {}).get(path, {}),
            }
        )  # fmt: skip

    add(tree, "", None, 0)
    return ModelTable(model=ModelInfo(name="m", framework=framework, target="m"), rows=rows, tensors=tensors)


def transformer(layers: int = 12, odd: int | None = 7) -> dict[str, list[int]]:
    """The keys of a transformer, one of whose layers is narrower within."""
    shapes = {"embed.weight": [100, 8]}
    for number in range(layers):
        inner = 4 if number == odd else 32
        shapes |= {
            f"layers.{number}.attn.qkv.weight": [24, 8],
            f"layers.{number}.attn.proj.weight": [8, 8],
            f"layers.{number}.mlp.up.weight": [inner, 8],
            f"layers.{number}.mlp.down.weight": [8, inner],
        }
    return {**shapes, "head.weight": [100, 8]}
