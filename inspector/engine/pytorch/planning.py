"""A plan over several devices.

accelerate says what goes where, and a pass on stand-ins what crosses and what would fail.
"""

from collections import defaultdict

import msgspec
from torch import nn

from inspector.core.device_budgets import SHARE_FOR_WEIGHTS, Budget, PlanSettings
from inspector.core.errors import RequestError
from inspector.core.placement import (
    DISK,
    Conflict,
    KeptWhole,
    PlacementPlan,
    PlannedDevice,
    RowPlacement,
    entry_of,
)
from inspector.core.results import Device
from inspector.core.table import Note, Row
from inspector.engine.pytorch.accelerating import inferred_map, library
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.device_layout import Layout
from inspector.engine.pytorch.device_pass import Crossings, follow
from inspector.engine.pytorch.memory_rows import PassRows, paired
from inspector.engine.pytorch.places import Inventory, bytes_of, inventory_of
from inspector.engine.pytorch.structure import static_rows, submodule

_JOINS = "joins what its modules put out"


def plan_over(
    model: nn.Module,
    arguments: Arguments | None,
    rows: list[Row],
    settings: PlanSettings,
    existing: list[Device],
    seed: int,
) -> PlacementPlan:
    """Spread `model` over the devices of `settings`; without `arguments` nobody tells what crosses between them.

    Raises RequestError where accelerate is absent, a device needs a budget, or a class to keep whole is none's.
    """
    library()
    budgets = _budgets(settings.budgets, existing)
    inventory = inventory_of(model)
    kept = _kept_whole(model, inventory, settings.no_split)
    main = _main_device(budgets)
    staying: set[str] = set()
    while True:
        device_map = inferred_map(model, budgets, list(kept))
        layout = Layout(model, inventory, device_map | dict.fromkeys(staying, main), main)
        crossings = Crossings() if arguments is None else follow(model, arguments, layout.placement(), seed)
        if used := _used_directly(layout, crossings):
            staying |= used
            continue
        joining = _classes_that_join(model, crossings.conflicts) - kept.keys()
        if not joining:
            break
        kept |= dict.fromkeys(sorted(joining), _JOINS)
    return _told(layout, budgets, existing, rows, crossings, kept, told=arguments is not None)


def _told(
    layout: Layout,
    budgets: list[Budget],
    existing: list[Device],
    rows: list[Row],
    crossings: Crossings,
    kept: dict[str, str],
    told: bool,
) -> PlacementPlan:
    held, waiting = _bytes_by_device(layout)
    names = [one.device for one in budgets]
    exists = {one.name for one in existing} | {DISK}
    notes = []
    if crossings.failed:
        text = f"the pass that tells what crosses failed, so what follows it is not known: {crossings.failed}"
        notes.append(Note(code="plan-pass-failed", message=text))
    told = told and not crossings.failed
    return PlacementPlan(
        devices=[
            PlannedDevice(name=one.device, exists=one.device in exists, budget=one.bytes, bytes=held.get(one.device, 0))
            for one in budgets
        ],
        device_map=layout.device_map,
        main_device=layout.main_device,
        rows=_rows(layout, rows, crossings),
        crossing_bytes=crossings.total if told else None,
        loading_bytes=waiting,
        kept_whole=[KeptWhole(type=name, why=why) for name, why in kept.items()],
        conflicts=crossings.conflicts,
        preloaded=sorted({type(submodule(layout.model, path)).__name__ for path in crossings.borrowers if path}),
        unplaced_bytes=sum(size for device, size in held.items() if device not in names),
        notes=notes,
    )


def realigned(plan: PlacementPlan, rows: list[Row], table: list[Row]) -> PlacementPlan:
    """A plan told of `rows`, told of the rows of another table of the same model."""
    places = paired(rows, table)
    told = [RowPlacement()] * len(table)
    for index, place in places.items():
        told[place] = plan.rows[index]
    return msgspec.structs.replace(plan, rows=told)


def _budgets(wanted: list[Budget], existing: list[Device]) -> list[Budget]:
    free = {one.name: one.free_bytes for one in existing if one.name != "meta"}
    asked = wanted or [Budget(device=name) for name in sorted(free, key=lambda name: name == "cpu")]
    return [one if one.bytes is not None else _with_budget(one.device, free) for one in asked]


def _with_budget(device: str, free: dict[str, int | None]) -> Budget:
    if device == DISK:
        return Budget(device=device)
    room = free.get(device)
    if room is None:
        why = "its free memory is not known" if device in free else "it does not exist here"
        raise RequestError(f"{device} has no budget and {why}; say how much it may take: {device}=20GiB")
    return Budget(device=device, bytes=int(room * SHARE_FOR_WEIGHTS))


def _main_device(budgets: list[Budget]) -> str:
    return next((one.device for one in budgets if one.device not in ("cpu", DISK)), "cpu")


def _kept_whole(model: nn.Module, inventory: Inventory, wanted: list[str]) -> dict[str, str]:
    """Classes that are not split over devices, with the reason."""
    modules = [place.module for place in inventory.places]
    types = {type(module).__name__ for module in modules}
    for name in wanted:
        if name not in types:
            known = ", ".join(sorted(types - {type(model).__name__}))
            raise RequestError(f"--no-split {name}: no module is of that class; the classes are {known}")
    kept = dict.fromkeys(wanted, "asked for")
    for module in modules:
        declared = getattr(module, "_no_split_modules", None)
        if isinstance(declared, list | tuple | set):
            kept |= {str(name): "the model declares it" for name in declared if str(name) not in kept}
    return kept


def _classes_that_join(model: nn.Module, conflicts: list[Conflict]) -> set[str]:
    """Of the modules in which functions got tensors from several devices; the model itself cannot be kept whole."""
    joining = [submodule(model, one.path) for one in conflicts if one.path]
    return {type(module).__name__ for module in joining if module._modules} - {type(model).__name__}


def _used_directly(layout: Layout, crossings: Crossings) -> set[str]:
    """Entries of which the model itself uses weights, which would be away but for calls of their modules."""
    borrowed = crossings.borrowers.get("", [])
    waiting = [key for key in borrowed if layout.is_kept_on(key, "parameter") != layout.is_on(key)]
    return {entry for key in waiting if (entry := entry_of(layout.device_map, key)) is not None}


def _bytes_by_device(layout: Layout) -> tuple[dict[str, int], int]:
    """By device, each storage once, and how much of it is brought to the main device in each pass."""
    held: dict[str, int] = defaultdict(int)
    waiting = 0
    counted: set[tuple[object, ...]] = set()
    for holding, known in zip(layout.inventory.holdings, layout.inventory.identities, strict=True):
        device = layout.is_kept_on(holding.key, holding.kind)
        size = bytes_of(holding.tensor)
        if (device, *known) in counted or size is None:
            continue
        counted.add((device, *known))
        held[device] += size
        waiting += size if layout.is_on(holding.key) != device else 0
    return dict(held), waiting


def _rows(layout: Layout, table: list[Row], crossings: Crossings) -> list[RowPlacement]:
    below: dict[str, dict[str, None]] = defaultdict(dict)
    for holding in layout.inventory.holdings:
        device = layout.is_kept_on(holding.key, holding.kind)
        path = layout.inventory.places[holding.place].path
        while True:
            below[path][device] = None
            if not path:
                break
            path = path.rpartition(".")[0]
    called = PassRows(static_rows(layout.model), table, crossings.root)
    told = zip(
        called.told(lambda call: None if call.is_function else crossings.sizes.get(id(call), 0)),
        called.told(lambda call: crossings.origins.get(id(call))),
        called.told(lambda call: crossings.runs_on.get(id(call))),
        strict=True,
    )
    return [
        RowPlacement(
            devices=list(below.get(row.path, ())) if row.kind == "module" else [],
            runs_on=runs_on,
            crossing_bytes=size,
            crossing_from=origins or [],
        )
        for row, (size, origins, runs_on) in zip(table, told, strict=True)
    ]
