"""Devices as onnxruntime has them: one execution provider each, by the names used everywhere else."""

import os

import onnxruntime
import torch

from inspector.core.errors import RequestError
from inspector.core.results import Device

Provider = tuple[str, dict[str, str]]
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_SUFFIX = "ExecutionProvider"
# Sends the model to a service on the network.
_REMOTE = "AzureExecutionProvider"


def devices() -> list[Device]:
    """The CPU, and a device for each other provider that this onnxruntime was built with and finds hardware for."""
    found = [Device(name="cpu", description=f"onnxruntime {onnxruntime.__version__}, {_CPU}", **_memory())]
    for provider in onnxruntime.get_available_providers():
        if provider == _CUDA:
            found.extend(_cuda_devices())
        elif provider not in (_CPU, _REMOTE):
            name = provider.removesuffix(_SUFFIX).lower()
            found.append(Device(name=name, description=provider, total_bytes=None, free_bytes=None))
    return found


def provider_of(device: str) -> list[Provider]:
    """The providers to ask for, the CPU behind any other for operators that one lacks.

    Raises RequestError where the device does not exist here.
    """
    wanted = {"cuda": "cuda:0", "cpu:0": "cpu"}.get(device.lower(), device.lower())
    names = [one.name for one in devices()]
    if wanted not in names:
        raise RequestError(f"there is no device {device!r} for ONNX models here; choose one of {', '.join(names)}")
    if wanted == "cpu":
        return [(_CPU, {})]
    if wanted.startswith("cuda:"):
        return [(_CUDA, {"device_id": wanted.removeprefix("cuda:")}), (_CPU, {})]
    chosen = next(p for p in onnxruntime.get_available_providers() if p.removesuffix(_SUFFIX).lower() == wanted)
    return [(chosen, {}), (_CPU, {})]


def device_of(provider: str, asked: str) -> str:
    """The device that a node ran on, by the name of its provider, where the model was to run on `asked`."""
    if provider == _CPU:
        return "cpu"
    if provider == _CUDA:
        return asked if asked.startswith("cuda:") else "cuda:0"
    return provider.removesuffix(_SUFFIX).lower()


def _cuda_devices() -> list[Device]:
    listed = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        listed.append(Device(name=f"cuda:{number}", description=name, total_bytes=total, free_bytes=free))
    return listed


def _memory() -> dict[str, int | None]:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return {
            "total_bytes": page * os.sysconf("SC_PHYS_PAGES"),
            "free_bytes": page * os.sysconf("SC_AVPHYS_PAGES"),
        }
    except (AttributeError, ValueError, OSError):
        return {"total_bytes": None, "free_bytes": None}
