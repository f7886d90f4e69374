"""A graph and another file of the same structure, run on the same inputs."""

from typing import TYPE_CHECKING

import msgspec

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.run_comparison import RunComparison, RunComparisonSettings
from inspector.core.table import ModelTable
from inspector.engine.live import Progress
from inspector.engine.user_paths import user_path

if TYPE_CHECKING:
    from inspector.engine.onnx_model.model import OnnxModel


def compare_runs(
    model: "OnnxModel", specs: list[InputSpec], settings: RunComparisonSettings, progress: Progress
) -> RunComparison:
    """Run both; raises RequestError where the other is no ONNX file of the same nodes in the same order."""
    from inspector.engine.onnx_model.model import open_onnx

    path = settings.other.argument
    if settings.other.kind != "file" or not path.endswith(".onnx"):
        raise RequestError(
            f"--compare {path}: an ONNX graph has its modes, dtypes and weights written into it; "
            "name another .onnx file of the same structure"
        )
    other = open_onnx(msgspec.structs.replace(model.recipe, target=str(user_path(path)), edits=[]))
    _refuse_other_structure(model.table(), other.table(), path)
    run = msgspec.structs.replace(settings.run, inputs=specs)
    before, after = (one.forward(run, progress) for one in (model, other))
    return RunComparison(before=before, after=after, told=f"the weights of {path}")


def _refuse_other_structure(one: ModelTable, other: ModelTable, path: str) -> None:
    nodes = [[(row.path, row.type) for row in table.rows if row.kind == "node"] for table in (one, other)]
    if len(nodes[0]) != len(nodes[1]):
        raise RequestError(
            f"{path} has {len(nodes[1]):,} nodes, this file {len(nodes[0]):,}: runs are compared row by row, so the "
            "structure has to be the same; `nninspect diff` compares other graphs"
        )
    for (name, kind), (name_too, kind_too) in zip(*nodes, strict=True):
        if (name, kind) != (name_too, kind_too):
            raise RequestError(
                f"{path} has {name_too} ({kind_too}) where this file has {name} ({kind}); runs are compared row by "
                "row, so the structure has to be the same; `nninspect diff` compares other graphs"
            )
