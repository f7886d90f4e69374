"""nninspect: a terminal inspector and debugger for neural networks.

The Python API, imported when it is used:

* `explore(model, *inputs)` opens the interface on a live object, in a script, a REPL or at a breakpoint;
* `summary`, `check` and `trace` return records that show themselves in terminals and notebooks;
* `inspector.testing` has assertions for tests.

A model is a `torch.nn.Module`, which is looked at in this process and left as it is, or a TARGET of the command line.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.api import CheckResult, Summary, TraceResult, check, explore, summary, trace
    from inspector.core.errors import RequestError

__all__ = ["CheckResult", "RequestError", "Summary", "TraceResult", "check", "explore", "summary", "trace"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module("inspector.api"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
