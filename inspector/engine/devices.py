"""The devices that exist on this machine, with their memory."""

import os

import torch

from inspector.core.errors import RequestError
from inspector.core.results import Device
from inspector.engine.host_memory import host_memory


def existing_devices() -> list[Device]:
    """The CPU, every CUDA device, mps where there is one, and meta."""
    found = [_cpu()]
    if torch.cuda.is_available():
        found += map(_cuda, range(torch.cuda.device_count()))
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


def _cpu() -> Device:
    total, free, limited = host_memory()
    cores = f"{os.cpu_count()} cores"
    description = f"{cores}, in a control group with a limit" if limited else cores
    return Device(name="cpu", description=description, total_bytes=total, free_bytes=free)


def _cuda(number: int) -> Device:
    free, total = torch.cuda.mem_get_info(number)
    # What torch keeps for later is free for tensors too.
    free += torch.cuda.memory_reserved(number) - torch.cuda.memory_allocated(number)
    name = torch.cuda.get_device_name(number)
    return Device(name=f"cuda:{number}", description=name, total_bytes=total, free_bytes=free)
