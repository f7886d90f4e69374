"""What there is to say of a plan over several devices."""

from inspector.core.placement import DISK, Conflict, PlacementPlan
from inspector.core.wording import printable, size_in_bytes, source_place


def refusal(plan: PlacementPlan) -> str:
    """Why no pass can be run by a plan, in a sentence; "" where one can."""
    names = [one.name for one in plan.devices]
    if plan.unplaced_bytes:
        without, listed = size_in_bytes(plan.unplaced_bytes), ", ".join(names)
        if plan.main_device not in names:
            return f"{without} stay on {plan.main_device}, where the model runs, and it is not among {listed}; add it"
        return f"{without} find no room on {listed}, where some is kept for the largest layer; add disk, or give more"
    # Another device may get more, by what cannot be put away; it shows whether there is room.
    over = next((one for one in plan.devices if one.name == DISK and one.budget is not None and one.is_over), None)
    if over is not None and over.budget is not None:
        gets, takes = size_in_bytes(over.bytes), size_in_bytes(over.budget)
        return f"the disk would get {gets}, and may take {takes}; give it more, or name another device as well"
    if plan.conflicts:
        return f"by this plan a pass would fail: {conflict_text(plan.conflicts[0])}"
    return ""


def conflict_text(conflict: Conflict) -> str:
    """What would go wrong: "+ in blocks.3 (net.py:12) gets tensors from cuda:0 and cuda:1"."""
    where = printable(conflict.path) or "the model itself"
    line = f" ({source_place(conflict.source)})" if conflict.source is not None else ""
    return f"{printable(conflict.function)} in {where}{line} gets tensors from {' and '.join(conflict.devices)}"
