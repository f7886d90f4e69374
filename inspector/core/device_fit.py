"""Whether a model fits on a device: what passes take at most, against what is free there."""

from inspector.core.memory import DeviceFit, MemoryReport
from inspector.core.results import Device
from inspector.core.wording import size_in_bytes


def fit_on(report: MemoryReport, device: Device, held: int) -> DeviceFit:
    """What is left on `device` at the peaks of `report`; `held` bytes of the model are there already."""

    def left(peak: int | None) -> int | None:
        return None if peak is None or device.free_bytes is None else device.free_bytes + held - peak

    return DeviceFit(
        device=device.name,
        free_bytes=device.free_bytes,
        held_bytes=held,
        inference_left=left(report.inference.bytes if report.inference else None),
        training_left=left(report.training.bytes if report.training else None),
    )


def fit_text(fit: DeviceFit) -> str:
    """``inference fits, 1.2 GiB left; training lacks 3.4 GiB``."""
    parts = (("inference", fit.inference_left), ("training", fit.training_left))
    return "; ".join(f"{what} {_left(left)}" for what, left in parts)


def _left(left: int | None) -> str:
    if left is None:
        return "not known"
    return f"fits, {size_in_bytes(left)} left" if left >= 0 else f"lacks {size_in_bytes(-left)}"
