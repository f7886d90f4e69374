"""Which names in a pickle torch's ``weights_only`` reader takes by default.

Source: ``torch/_weights_only_unpickler.py``, ``_get_allowed_globals``. Anything else makes
`torch.load` refuse the file.
"""

import re
from collections.abc import Iterable

from inspector.files.dtypes import ITEM_BYTES
from inspector.files.inert_pickle import Global, Pickled
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


def named_globals(pickles: Iterable[Pickled]) -> tuple[list[str], list[str]]:
    """All names in the pickles, sorted, and those among them that ``weights_only`` refuses."""
    names = sorted({encodable(found.path) for pickled in pickles for found in pickled.globals})
    return names, [name for name in names if not is_allowed(name)]


def warning(found: Iterable[Global]) -> str:
    """A clause on what a pickle that cannot be read names before it breaks off; "" where all of it is harmless."""
    names = [encodable(name.path) for name in found if not is_allowed(encodable(name.path))]
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    shown = ", ".join(name[:80] for name in names[:3])
    return f"; it names {shown}{more}, which a safe reader refuses, and nothing was run"
