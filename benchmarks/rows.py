"""A table of as many rows as wanted, nested as models are."""

from inspector.core.table import ModelInfo, ModelTable, Row


def nested(count: int, stages: int = 20, blocks: int = 50) -> ModelTable:
    """About `count` rows: stages of blocks of layers."""
    layers = max(1, (count - 1 - stages) // (stages * blocks) - 1)
    block_size = 1 + layers
    stage_size = 1 + blocks * block_size
    rows = [branch(0, None, 0, "", 1 + stages * stage_size)]
    for stage in range(stages):
        at = len(rows)
        rows.append(branch(at, 0, 1, f"stage{stage}", stage_size))
        for block in range(blocks):
            here = len(rows)
            rows.append(branch(here, at, 2, f"stage{stage}.{block}", block_size))
            rows.extend(leaf(here + 1 + i, here, 3, f"stage{stage}.{block}.layer{i}") for i in range(layers))
    return table_of(rows)


def branch(index: int, parent: int | None, depth: int, path: str, subtree: int) -> Row:
    name = path.rpartition(".")[2]
    return Row(
        index=index, parent=parent, kind="module", path=path, name=name, type="Block", depth=depth, subtree=subtree
    )


def leaf(index: int, parent: int, depth: int, path: str) -> Row:
    return Row(
        index=index, parent=parent, kind="module", path=path, name=path.rpartition(".")[2], type="Linear", depth=depth,
        hyperparameters="in_features=64, out_features=64, bias=True", parameters=4160, own_parameters=4160,
        trainable_parameters=4160, reached=True, output_shapes=[[1, 64]], dtype="float32", device="cpu",
    )  # fmt: skip


def table_of(rows: list[Row]) -> ModelTable:
    model = ModelInfo(name="Synthetic", framework="torch", target="synthetic")
    return ModelTable(model=model, rows=rows)
