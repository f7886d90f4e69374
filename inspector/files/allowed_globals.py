"""Which names in a pickle torch's ``weights_only`` reader takes by default.

Source: ``torch/_weights_only_unpickler.py``, ``_get_allowed_globals``. Anything else makes
`torch.load` refuse the file.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from inspector.core.named_globals import NamedGlobal, refused_first
from inspector.files.call_text import call_text
from inspector.files.dtypes import ITEM_BYTES
from inspector.files.inert_pickle import KEPT_CALLS, Global, Pickled, Uses
from inspector.files.known_globals import described
from inspector.files.pickled_text import encodable

_TENSOR_TYPES = "BFloat16|Bool|Byte|Char|Double|Float|Half|Int|Long|Short"
_ALLOWED = (
    rf"torch\.({'|'.join(ITEM_BYTES)}"
    r"|per_(tensor_affine|tensor_symmetric|channel_affine|channel_symmetric|channel_affine_float_qparams)"
    r"|Size|Tensor|device"
    rf"|(cuda\.|sparse\.|cuda\.sparse\.)?({_TENSOR_TYPES})Tensor"
    rf"|(cuda\.)?({_TENSOR_TYPES}|ComplexDouble|ComplexFloat)Storage"
    r"|(QInt32|QInt8|QUInt2x4|QUInt4x2|QUInt8)Storage"
    r"|storage\.(TypedStorage|UntypedStorage)"
    r"|serialization\._get_layout|nn\.parameter\.Parameter|_tensor\._rebuild_from_type_v2"
    r"|_utils\._rebuild_(device_tensor_from_cpu_tensor|device_tensor_from_numpy|meta_tensor_no_storage|nested_tensor"
    r"|parameter|parameter_with_state|qtensor|sparse_tensor|tensor|tensor_v2|tensor_v3|wrapper_subclass))"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(bytearray|complex|set)"
)
_NEVER = r"torch\.(cuda\.)?sparse\.BoolTensor"


def is_allowed(path: str) -> bool:
    """Whether `torch.load(weights_only=True)` takes this dotted name without being told to."""
    # `re` compiles them at the first question and keeps them: 0.1 s that opening a model need not wait for.
    return re.fullmatch(_ALLOWED, path) is not None and not re.fullmatch(_NEVER, path)


def named_globals(pickles: Iterable[Pickled], also_allowed: Collection[str] = ()) -> list[NamedGlobal]:
    """All names in the pickles, sorted, with what they are and what would be done with them."""
    return merged([_named(found, uses, also_allowed) for pickled in pickles for found, uses in pickled.globals.items()])


def merged(found: Iterable[NamedGlobal]) -> list[NamedGlobal]:
    """Each name once, sorted, with the calls that all of them have."""
    by_name: dict[str, NamedGlobal] = {}
    for one in found:
        known = by_name.get(one.name)
        by_name[one.name] = (
            one
            if known is None
            else replace(
                known,
                called=known.called + one.called,
                calls=list(dict.fromkeys([*known.calls, *one.calls]))[:KEPT_CALLS],
            )
        )
    return [by_name[name] for name in sorted(by_name)]


def _named(found: Global, uses: Uses, also_allowed: Collection[str] = ()) -> NamedGlobal:
    name = encodable(found.path)
    allowed = name in also_allowed or is_allowed(name)
    severity, kind, what = described(found.module, found.name)
    calls = [] if allowed else [call_text(call) for call in uses.first]
    return NamedGlobal(
        name=name, allowed=allowed, severity=severity, kind=kind, what=what, called=uses.count, calls=calls
    )


def warning(found: Mapping[Global, Uses]) -> str:
    """A clause on what a pickle that cannot be read names before it breaks off; "" where all of it is harmless."""
    refused = refused_first(_named(one, uses) for one, uses in found.items())
    if not refused:
        return ""
    more = f" and {len(refused) - 3} more" if len(refused) > 3 else ""
    shown = ", ".join(f"{one.name[:80]} ({one.what})" for one in refused[:3])
    return f"; it names {shown}{more}, which a safe reader refuses, and nothing was run"
