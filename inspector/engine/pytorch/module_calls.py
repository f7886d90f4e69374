"""Tells of each call of a model's modules before it and after, whatever calls them."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from inspector.engine.pytorch.calls import is_torch_leaf

Before = Callable[[nn.Module, Any, Any], tuple[Any, Any] | None]
After = Callable[[nn.Module, Any, Any, Any], Any]
_CALLING = nn.Module.__call__.__code__.co_filename


class ModuleCalls:
    """While entered, calls `before` and `after` as torch calls a module's forward hooks, `after` also on failures."""

    def __init__(self, modules: list[nn.Module], before: Before, after: After) -> None:
        self._modules = modules
        self._before = before
        self._after = after
        self._handles: list[Any] = []
        self._leaves: set[int] = set()
        """The identities of the modules that are told of by the forward of their class, not by hooks."""
        self._forwards: dict[type[nn.Module], Any] = {}
        """What those classes define themselves; None where they inherit it."""

    def __enter__(self) -> None:
        for module in self._modules:
            if _is_plain_leaf(module):
                # Most modules are such, and a call through hooks takes twice as long.
                self._leaves.add(id(module))
                continue
            # Hooks on each module, not global ones: torch's fused transformer paths look for these and step aside.
            # By nn.Module's own methods: a scripted module forbids hooks, and heeds them where Python calls it.
            self._handles.append(nn.Module.register_forward_pre_hook(module, self._before, with_kwargs=True))
            self._handles.append(
                nn.Module.register_forward_hook(module, self._after, with_kwargs=True, always_call=True)
            )
        self._wrap({type(module) for module in self._modules if id(module) in self._leaves})

    def __exit__(self, *problem: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._leaves.clear()
        for cls, forward in self._forwards.items():
            if forward is None:
                del cls.forward
            else:
                cls.forward = forward
        self._forwards.clear()

    def _wrap(self, classes: set[type[nn.Module]]) -> None:
        """Let the forward of torch's own classes record calls of this model's modules.

        Not an attribute of the modules: the model may copy, save or look at them meanwhile.
        """
        for cls in classes:
            self._forwards[cls] = cls.__dict__.get("forward")
            cls.forward = self._recording(cls.forward)

    def _recording(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(forward)
        def through(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            # Like hooks, nothing where forward itself is what was called.
            if id(module) not in self._leaves or sys._getframe(1).f_code.co_filename != _CALLING:
                return forward(module, *args, **kwargs)
            args, kwargs = self._before(module, args, kwargs) or (args, kwargs)
            try:
                output = forward(module, *args, **kwargs)
            except BaseException:
                self._after(module, args, kwargs, None)
                raise
            changed = self._after(module, args, kwargs, output)
            return output if changed is None else changed

        return through


def _is_plain_leaf(module: nn.Module) -> bool:
    """Whether a layer of torch's own runs nothing but its class's forward when it is called."""
    if not is_torch_leaf(module) or isinstance(module, torch.jit.ScriptModule):
        return False
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__)
