"""What there is to say of a plan over several devices."""

from inspector.core.placement import Conflict, PlacementPlan
from inspector.core.wording import printable, size_in_bytes, source_place


def refusal(plan: PlacementPlan) -> str:
    """Why no pass can be run by a plan, in a sentence; "" where one can."""
    if plan.unplaced_bytes:
        without, listed = size_in_bytes(plan.unplaced_bytes), ", ".join(one.name for one in plan.devices)
        return f"{without} find no room on {listed}, where some is kept for the largest layer; add disk, or give more"
    if plan.conflicts:
        return f"by this plan a pass would fail: {conflict_text(plan.conflicts[0])}"
    return ""


def conflict_text(conflict: Conflict) -> str:
    """What would go wrong, and what helps: "+ in blocks.3 (net.py:12) gets tensors from cuda:0 and cuda:1"."""
    where = printable(conflict.path) or "the model itself"
    line = f" ({source_place(conflict.source)})" if conflict.source is not None else ""
    return f"{printable(conflict.function)} in {where}{line} gets tensors from {' and '.join(conflict.devices)}"
