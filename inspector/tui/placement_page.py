"""What a plan over several devices says: of the whole model at its root, and of one row."""

from inspector.core.placement import PlacementPlan, PlannedDevice, RowPlacement
from inspector.core.placement_wording import conflict_text, refusal
from inspector.core.wording import size_in_bytes
from inspector.tui.keys_here import keyed
from inspector.tui.page import MUTED, WARNING, Page

CROSSES = "⇄"


def model_placement(page: Page, plan: PlacementPlan) -> None:
    """What each device gets against its budget, what crosses in a pass, what is kept whole and what would fail."""
    page.heading("Plan over devices", "fits" if plan.fits else "does not fit")
    for device in plan.devices:
        page.fact(device.name, device_text(device), WARNING if device.is_over else "bold")
    page.fact("crossing", f"{size_in_bytes(plan.crossing_bytes)} of inputs in a pass, marked {CROSSES}")
    if plan.loading_bytes:
        page.fact("loading", f"{size_in_bytes(plan.loading_bytes)} of weights brought to {plan.main_device} in a pass")
    for one in plan.kept_whole:
        page.fact("whole", f"{one.type}: {one.why}")
    for conflict in plan.conflicts:
        page.fact("would fail", conflict_text(conflict), WARNING)
    if plan.unplaced_bytes:
        page.fact("no room", refusal(plan), WARNING)
    for note in plan.notes:
        page.fact("note", note.message, WARNING)
    page.line(
        (keyed("Nothing has been moved; {forward} runs a pass by this plan where the devices exist."), MUTED), hang=1
    )


def device_text(device: PlannedDevice) -> str:
    """``33.3 KiB of 80.0 KiB, not on this machine``."""
    budget = "" if device.budget is None else f" of {size_in_bytes(device.budget)}"
    return f"{size_in_bytes(device.bytes)}{budget}{'' if device.exists else ', not on this machine'}"


def row_placement(page: Page, placed: RowPlacement) -> None:
    """Where a row would go, and which of its inputs come from elsewhere."""
    if placed.devices:
        page.fact("planned", f"on {', '.join(placed.devices)}{_runs(placed)}")
    if placed.crossing_bytes:
        crossing(page, placed.crossing_bytes, placed.crossing_from)


def crossing(page: Page, size: int, origins: list[str]) -> None:
    """How much of a row's inputs comes from where."""
    page.fact("crossing", f"{size_in_bytes(size)} of its inputs come from {', '.join(origins)}", WARNING)


def _runs(placed: RowPlacement) -> str:
    elsewhere = placed.runs_on is not None and placed.devices != [placed.runs_on] and len(placed.devices) == 1
    return f", runs on {placed.runs_on}" if elsewhere else ""


def crossing_mark(size: int) -> str:
    """``⇄ 1.5 MiB``."""
    return f"{CROSSES} {size_in_bytes(size)}"


def placement_marks(plan: PlacementPlan, index: int, parent: int | None) -> list[str]:
    """``⇄ 1.5 MiB`` where inputs come from elsewhere, ``→ cuda:1`` where a row goes elsewhere than all around it."""
    placed = plan.rows[index]
    marks = [crossing_mark(placed.crossing_bytes)] if placed.crossing_bytes else []
    if parent is not None and placed.devices and placed.devices != plan.rows[parent].devices:
        marks.append(f"→ {', '.join(placed.devices)}")
    return marks
