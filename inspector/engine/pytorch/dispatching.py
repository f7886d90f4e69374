"""A model on the devices of a plan for as long as a pass takes; afterwards it is as it was, to the bit."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torch import nn

from inspector.core.errors import RequestError
from inspector.core.placement import DISK, PlacementPlan
from inspector.core.placement_wording import refusal
from inspector.core.wording import shortened, size_in_bytes
from inspector.engine.devices import existing_device
from inspector.engine.pytorch.accelerating import dispatched
from inspector.engine.pytorch.calling import Arguments
from inspector.engine.pytorch.device_layout import Layout
from inspector.engine.pytorch.importing import first_line
from inspector.engine.pytorch.nested import with_tensors
from inspector.engine.pytorch.places import inventory_of
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.user_paths import user_path

LONGEST_NAME = 240
"""Bytes of a key that can be the name of a file; most file systems take 255, ending included."""


@contextmanager
def placed(model: nn.Module, plan: PlacementPlan, folder: str | None, backward: bool) -> Iterator[None]:
    """Within, `model` is placed as planned; `folder` takes what the plan puts on the disk, and is emptied of it.

    Raises RequestError where the plan does not fit, a device does not exist, there is no room on the disk, or a
    backward pass would need weights that are brought in for each call only.
    """
    if sentence := refusal(plan):
        raise RequestError(sentence)
    for device in dict.fromkeys(plan.device_map.values()):
        if device != DISK:
            existing_device(device)
    if backward and plan.offloaded:
        raise RequestError(
            f"a backward pass needs all weights at once, and {len(plan.offloaded)} parts are brought in for each call "
            "only; leave --backward out, or plan without disk and without the CPU beside a GPU"
        )
    layout = Layout(model, inventory_of(model), plan.device_map, plan.main_device)
    odd = [holding.key for holding in layout.inventory.holdings if not _names_a_file(holding.key)]
    if odd and DISK in plan.device_map.values():
        raise RequestError(f"{shortened(odd[0])!r} cannot be the name of a file on the disk; plan without disk")
    with untouched(model), _room(plan, folder) as room, ExitStack() as stack:
        try:
            stack.enter_context(dispatched(model, plan, layout.split(), room))
        except (RuntimeError, ValueError, OSError, NotImplementedError) as problem:
            raise RequestError(f"the model cannot be placed as planned: {first_line(problem)}") from problem
        yield


def _names_a_file(key: str) -> bool:
    return not {"/", "\\", "\0"} & set(key) and len(key.encode(errors="replace")) <= LONGEST_NAME


def moved(arguments: Arguments, device: str) -> Arguments:
    """Inputs on the device where a plan takes them."""
    made: Arguments = with_tensors(arguments, lambda tensor: tensor.to(device))
    return made


@contextmanager
def _room(plan: PlacementPlan, folder: str | None) -> Iterator[str | None]:
    """A folder of its own for what goes on the disk: accelerate takes what it finds in one for the weights."""
    size = next((one.bytes for one in plan.devices if one.name == DISK), 0)
    if DISK not in plan.device_map.values():
        yield None
        return
    if folder is None:
        raise RequestError(f"the plan puts {size_in_bytes(size)} on the disk; say where with --offload FOLDER")
    path = user_path(folder)
    try:
        Path(path).mkdir(exist_ok=True)
        free = shutil.disk_usage(path).free
        if free < size:
            raise RequestError(
                f"{folder} has {size_in_bytes(free)} free and the plan puts {size_in_bytes(size)} there; "
                "name a folder on another disk"
            )
        made = tempfile.mkdtemp(prefix="nninspect-", dir=path)
    except OSError as problem:
        raise RequestError(f"{folder} takes no files: {problem.strerror}; name another folder") from None
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
