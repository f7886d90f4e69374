"""A plan over several devices as text."""

from rich.text import Text

from inspector.core import wording
from inspector.core.placement import PlacementPlan, RowPlacement
from inspector.core.placement_wording import conflict_text, refusal
from inspector.core.table import ModelTable
from inspector.report.console import standard_output
from inspector.report.grid import Grid
from inspector.report.tree import tree_cell


def print_plan(table: ModelTable, plan: PlacementPlan) -> None:
    """The rows down to those that lie on one device, then the devices with their budgets, then what to know."""
    console = standard_output()
    grid = Grid(["", "type", "bytes", "device", "inputs that cross"], right={"bytes"})
    hidden_below: int | None = None
    for row, placed in zip(table.rows, plan.rows, strict=True):
        if hidden_below is not None and row.depth > hidden_below and not placed.crossing_bytes:
            continue
        hidden_below = row.depth if len(placed.devices) <= 1 and row.kind == "module" else None
        if row.kind == "function":
            continue
        cells = (wording.printable(row.type), wording.size_in_bytes(row.bytes), devices_cell(placed), crossing(placed))
        grid.add_row(tree_cell(row, row.depth), *map(Text, cells))
    grid.print_to(console)
    console.print()
    for line in plan_lines(plan):
        console.print(Text(line))


def devices_cell(placed: RowPlacement) -> str:
    """``cuda:0``; ``disk, runs on cuda:0`` where it is brought in."""
    devices = ", ".join(placed.devices)
    elsewhere = placed.runs_on if len(placed.devices) == 1 and placed.runs_on not in (None, devices) else None
    return devices if elsewhere is None else f"{devices}, runs on {elsewhere}"


def crossing(placed: RowPlacement) -> str:
    """``1.5 MiB from cuda:0``; nothing where nothing crosses."""
    if not placed.crossing_bytes:
        return ""
    return f"{wording.size_in_bytes(placed.crossing_bytes)} from {', '.join(placed.crossing_from)}"


def plan_lines(plan: PlacementPlan) -> list[str]:
    """What each device gets, what crosses in a pass, what is kept whole, and what would fail."""
    lines = []
    for device in plan.devices:
        budget = "" if device.budget is None else f" of {wording.size_in_bytes(device.budget)}"
        absent = "" if device.exists else ", not on this machine"
        over = ", more than it may take" if device.is_over else ""
        lines.append(f"{device.name}: {wording.size_in_bytes(device.bytes)}{budget}{over}{absent}")
    lines.append(f"cross devices in a pass: {wording.size_in_bytes(plan.crossing_bytes)}")
    if plan.loading_bytes:
        lines.append(
            f"brought to {plan.main_device} in each pass: {wording.size_in_bytes(plan.loading_bytes)} of weights"
        )
    lines += [f"kept whole: {wording.printable(one.type)} ({one.why})" for one in plan.kept_whole]
    lines += [f"would fail: {conflict_text(one)}" for one in plan.conflicts]
    if plan.unplaced_bytes:
        lines.append(f"does not fit: {refusal(plan)}")
    return [*lines, *(f"note: {wording.printable(note.message)}" for note in plan.notes)]
