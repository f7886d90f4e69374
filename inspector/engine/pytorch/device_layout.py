"""What a device map says of every module and tensor, as accelerate's hooks and those beside them carry it out."""

import functools
from dataclasses import dataclass

from torch import nn

from inspector.core.placement import DISK, entry_of
from inspector.engine.pytorch.device_pass import Placement
from inspector.engine.pytorch.places import Inventory, own_tensors
from inspector.engine.pytorch.structure import submodule


@dataclass(frozen=True)
class Layout:
    """A device map with what it says of modules and tensors."""

    model: nn.Module
    inventory: Inventory
    device_map: dict[str, str]
    main_device: str

    def placement(self) -> Placement:
        """For a pass that follows it."""
        return Placement(self.main_device, self.runs_on, self.is_on)

    def runs_on(self, path: str) -> str | None:
        """Entries and what holds tensors below them; a module that was split, where its own tensors are."""
        if not path:
            return self.main_device
        if entry_of(self.device_map, path) is None:
            own = own_tensors(submodule(self.model, path))
            return self.is_on(f"{path}.{own[0][0]}") if own else None
        holds = any(own_tensors(module) for module in submodule(self.model, path).modules())
        return self.is_on(path) if path in self.device_map or holds else None

    def split(self) -> dict[str, str]:
        """The modules, but the model itself, that hold tensors of their own and were split, and where these are."""
        found: dict[str, str] = {}
        for place in self.inventory.places[1:]:
            if own_tensors(place.module) and entry_of(self.device_map, place.path) is None:
                device = self.runs_on(place.path)
                found |= {place.path: device} if device is not None else {}
        return found

    def is_on(self, key: str) -> str:
        """Where a tensor is while its module runs."""
        device = self._device_of(key)
        return self.main_device if self._waits(device) else device

    def is_kept_on(self, key: str, kind: str) -> str:
        """Where it is between calls: what is not with its module is parameters of an entry as a whole."""
        device = self._device_of(key)
        is_split = entry_of(self.device_map, key.rpartition(".")[0]) is None
        return self.main_device if self._waits(device) and (kind == "buffer" or is_split) else device

    def _device_of(self, key: str) -> str:
        entry = entry_of(self.device_map, key)
        # Tensors of the model itself go with its inputs.
        return self.main_device if entry is None or key in self._of_the_root else self.device_map[entry]

    def _waits(self, device: str) -> bool:
        return device == DISK or (device == "cpu" and self.main_device != "cpu")

    @functools.cached_property
    def _of_the_root(self) -> set[str]:
        return {name for name, *_ in own_tensors(self.model)}
