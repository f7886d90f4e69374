"""What the modules of a state_dict noted when they were saved: the versions by which they know how to load it.

``nn.Module.state_dict`` keeps it as the attribute ``_metadata`` of its OrderedDict, path by path.
"""

from typing import Any

from inspector.files.catalog import Setting
from inspector.files.inert_pickle import Call
from inspector.files.pickled_text import encodable
from inspector.files.torch_mappings import entries_of

_MOST_NOTED = 16
_LONGEST = 60


def metadata_of(mapping: Any) -> dict[str, dict[str, Setting]]:
    """By path, the numbers, texts and flags that each module noted; empty where the mapping has no such attribute.

    Raises BrokenPickleError beyond the bounds of a container.
    """
    if not isinstance(mapping, Call) or not isinstance(mapping.state, dict):
        return {}
    return {path: _noted(value) for path, value in entries_of(mapping.state.get("_metadata")) or ()}


def _noted(value: Any) -> dict[str, Setting]:
    pairs = (entries_of(value) or ())[:_MOST_NOTED]
    return {key: _plain(noted) for key, noted in pairs if _is_plain(noted)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() < 64)


def _plain(value: Any) -> Setting:
    setting: Setting = encodable(value) if isinstance(value, str) else value
    return setting
