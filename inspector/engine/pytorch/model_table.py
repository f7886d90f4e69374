"""The table of a PyTorch model: what no pass changes, what the last pass told, and notes."""

from dataclasses import dataclass, replace

from msgspec.structs import replace as with_fields
from torch import nn

from inspector.core.load_notes import load_notes
from inspector.core.loads import Load
from inspector.core.recipe import Recipe
from inspector.core.table import ModelInfo, ModelTable, Note, Row, Tensor, Totals
from inspector.engine.pytorch import torchvision_operators
from inspector.engine.pytorch.assembling import rows_with_calls
from inspector.engine.pytorch.calls import CallRecord
from inspector.engine.pytorch.crossing import with_crossings
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.layer_formulas import with_own_formulas
from inspector.engine.pytorch.opening import Opened
from inspector.engine.pytorch.places import Inventory, inventory_of
from inspector.engine.pytorch.structure import opaque_places, static_rows, totals_of
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.tracing import Trace


@dataclass(frozen=True)
class Static:
    """What no pass changes."""

    inventory: Inventory
    rows: list[Row]
    tensors: list[Tensor]
    totals: Totals


def static_of(module: nn.Module) -> Static:
    """Look at a module as it is now."""
    inventory = inventory_of(module)
    return Static(inventory, static_rows(inventory), tensors_of(inventory), totals_of(inventory))


def make_table(
    opened: Opened, recipe: Recipe, load: Load | None, static: Static, trace: Trace
) -> tuple[ModelTable, list[CallRecord | None]]:
    """The table, and the call behind each of its rows; None for a module that never ran."""
    shaped = _shaped(static, trace.materialised)
    rows, calls = rows_with_calls(shaped.rows, trace.root)
    rows = with_own_formulas(rows, calls, {place.path: place.module for place in static.inventory.places})
    if trace.root is not None and trace.specs and len(_devices(shaped.tensors)) > 1:
        arguments = arguments_for(opened.model, trace.specs, recipe.seed)
        rows = with_crossings(opened.model, arguments, static.rows, rows, recipe.seed)
    info = ModelInfo(
        name=opened.name,
        framework="torch",
        target=recipe.target,
        weights=recipe.weights,
        training=opened.model.training,
        devices=_devices(shaped.tensors),
    )
    table = ModelTable(
        model=info,
        inputs=trace.inputs,
        outputs=trace.outputs,
        totals=shaped.totals if trace.failure is not None else shaped.totals.with_costs_of(rows[0]),
        rows=rows,
        tensors=shaped.tensors,
        failure=trace.failure,
        notes=[*(load_notes(load, recipe) if load else []), *_standing_notes(opened, shaped, rows), *trace.notes],
        load=load,
    )
    return table, calls


def _shaped(static: Static, materialised: nn.Module | None) -> Static:
    """With the shapes that the last pass gave to lazy tensors in a copy, those marked."""
    if materialised is None:
        return static
    marked = [
        with_fields(row, lazy=own.lazy, type=own.type, training=own.training)
        for own, row in zip(static.rows, static_rows(materialised), strict=True)
    ]
    lazy = {tensor.key for tensor in static.tensors if tensor.lazy}
    shaped = [with_fields(tensor, lazy=tensor.key in lazy) for tensor in tensors_of(materialised)]
    return replace(static, rows=marked, tensors=shaped, totals=totals_of(materialised))


def _standing_notes(opened: Opened, static: Static, rows: list[Row]) -> list[Note]:
    notes = []
    if opened.left_out:
        notes.append(Note(code="not-downloaded", message=opened.left_out))
    if torchvision_operators.install().declared is not None:
        lacking = torchvision_operators.UNAVAILABLE
        text = f"torchvision's compiled operators do not load beside this torch; not available: {lacking}"
        text += f"; run in Python instead: {torchvision_operators.IN_PYTHON}"
        notes.append(Note(code="torchvision-operators", message=text))
    devices = _devices(static.tensors)
    if len(devices) > 1:
        text = f"the model is spread over {', '.join(devices)}"
        crossing = [row.path for row in rows if row.crossing_bytes]
        text += f"; inputs come from another device in {_first_of(crossing)}" if crossing else ""
        notes.append(Note(code="several-devices", message=text))
    scripted = opaque_places(static.inventory)
    if scripted:
        listed = _first_of([path or "the model itself" for path in scripted])
        text = f"TorchScript calls its modules unseen: the rows inside have no shapes of their own: {listed}"
        notes.append(Note(code="torchscript", message=text, path=scripted[0]))
    lazy = [tensor.key for tensor in static.tensors if tensor.lazy]
    if lazy:
        text = f"{len(lazy)} tensors are uninitialised until a forward; shapes shown are those on this input: "
        text += _first_of(lazy)
        notes.append(Note(code="lazy", message=text))
    return notes


def _first_of(names: list[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


def _devices(tensors: list[Tensor]) -> list[str]:
    return list(dict.fromkeys(tensor.device for tensor in tensors)) or ["cpu"]
