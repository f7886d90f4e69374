"""The devices that exist on this machine, with their memory."""

import os

import torch

from inspector.core.errors import RequestError
from inspector.core.results import Device


def existing_devices() -> list[Device]:
    """The CPU, every CUDA device, mps where there is one, and meta."""
    found = [Device(name="cpu", description=f"{os.cpu_count()} cores", **_cpu_memory())]
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            found.append(Device(name=f"cuda:{number}", description=name, total_bytes=total, free_bytes=free))
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.driver_allocated_memory()
        found.append(Device(name="mps", description="Apple GPU", total_bytes=total, free_bytes=free))
    found.append(Device(name="meta", description="shapes only, no values", total_bytes=None, free_bytes=None))
    return found


def existing_device(name: str) -> torch.device:
    """The device of that name. Raises RequestError listing the devices that exist where it does not."""
    names = [device.name for device in existing_devices()]
    wanted = {"cuda": "cuda:0", "cpu:0": "cpu", "mps:0": "mps"}.get(name.lower(), name.lower())
    if wanted not in names:
        raise RequestError(f"device {name!r} does not exist here; choose one of {', '.join(names)}")
    return torch.device(wanted)


def _cpu_memory() -> dict[str, int | None]:
    try:
        pages, free = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_AVPHYS_PAGES")
        size = os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return {"total_bytes": None, "free_bytes": None}
    return {"total_bytes": pages * size, "free_bytes": free * size}
