"""Figures of memory as text."""

from inspector.core.device_fit import fit_text
from inspector.core.memory import NOT_INCLUDED, USES, MemoryReport, Peak, RowMemory, Use, place_of, setting_of
from inspector.core.wording import exact, printable, size_in_bytes

MEMORY_COLUMNS = ["output bytes", "kept for backward"]


def memory_cells(row: RowMemory) -> list[str]:
    """What stands under `MEMORY_COLUMNS`; nothing where nothing is known, or nothing is kept."""
    return ["" if not size else size_in_bytes(size) for size in (row.output_bytes, row.saved_bytes)]


def memory_lines(report: MemoryReport) -> list[str]:
    """The totals, and where most is in use."""
    totals: dict[Use, int | None] = {
        "parameters": report.parameter_bytes,
        "buffers": report.buffer_bytes,
        "inputs": report.input_bytes,
        "saved": report.saved_bytes,
        "gradients": report.gradient_bytes,
        "optimizer": report.optimizer_bytes,
    }
    lines = [f"\nmemory for {setting_of(report)}"]
    lines += [f"  {USES[use]:<24} {size_in_bytes(size):>9}" for use, size in totals.items()]
    lines += [_peak_line("peak in inference", report.inference), _peak_line("peak in training", report.training)]
    if report.fitting is not None:
        inference, training = exact(report.fitting.inference), exact(report.fitting.training)
        limit = size_in_bytes(report.fitting.limit)
        lines.append(f"  the largest batch in {limit}: {inference} in inference, {training} in training")
    lines += [f"  on {one.device}, {size_in_bytes(one.free_bytes)} free: {fit_text(one)}" for one in report.devices]
    lines.append(NOT_INCLUDED)
    return [*lines, *(f"note: {printable(note.message)}" for note in report.notes)]


def _peak_line(label: str, peak: Peak | None) -> str:
    if peak is None:
        return f"  {label:<24} {size_in_bytes(None):>9}"
    parts = sorted(peak.uses.items(), key=lambda part: -part[1])
    made_of = ", ".join(f"{USES[use]} {size_in_bytes(size)}" for use, size in parts if size)
    return f"  {label:<24} {size_in_bytes(peak.bytes):>9}  {place_of(peak)}: {made_of}"
