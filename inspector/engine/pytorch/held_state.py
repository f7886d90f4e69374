"""What a model's attributes hold beside tensors and modules, and how it is put back after a pass.

Lists, dictionaries and sets, objects of the model's own classes, numpy arrays, generators of random numbers, iterators.
"""

import collections
import contextlib
import copy
import itertools
import random
import types
import warnings
from collections.abc import Iterable, MutableMapping
from operator import is_
from typing import Any

import numpy as np
import torch
from torch import nn

MUTABLE = {list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict, collections.Counter}
MOST_PARTS = 100_000
LARGEST_ARRAY = 1 << 26
"""Bytes of an array beyond which it is not copied."""
PLAIN = {bool, int, float, complex, str, bytes, type(None), type, types.FunctionType, types.BuiltinFunctionType}
"""What nobody can change, or is no state of the model."""
_ITERATORS = {
    type(iter(())), type(iter([])), type(iter(range(0))), type(iter("")), type(reversed([])), enumerate, zip, reversed,
    itertools.count, itertools.cycle, itertools.repeat, itertools.chain, itertools.islice,
}  # fmt: skip
"""Those that can be copied."""


class HeldState:
    """All that is reachable from some values, as it was; `tensors` are those among it."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.tensors: list[torch.Tensor] = []
        self._contents: list[tuple[Any, Any]] = []
        self._arrays: list[tuple[Any, Any]] = []
        self._random: list[tuple[Any, Any]] = []
        self._walk(list(values))

    def restore(self) -> None:
        """Put everything back as it was; what was put into the model meanwhile is forgotten."""
        for value, kept in self._contents:
            if not is_as_before(value, kept):
                value.clear()
                value.extend(kept) if isinstance(value, list | collections.deque) else value.update(kept)
        for array, kept in self._arrays:
            if not np.array_equal(array, kept, equal_nan=array.dtype.kind in "fc"):
                array[...] = kept
        for generator, state in self._random:
            _set_random_state(generator, state)

    def _walk(self, waiting: list[Any]) -> None:
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            kind = type(value)
            if kind in PLAIN or id(value) in seen or len(seen) > MOST_PARTS:
                continue
            seen.add(id(value))
            if kind in MUTABLE:
                self._contents.append((value, value.copy()))
                waiting += value.values() if isinstance(value, dict) else value
                lend_iterators(value)
            elif kind is tuple:
                waiting += value
            elif isinstance(value, torch.Tensor):
                self.tensors.append(value)
            elif isinstance(value, np.ndarray):
                if value.nbytes <= LARGEST_ARRAY and value.flags.writeable and not value.dtype.hasobject:
                    self._arrays.append((value, value.copy()))
            elif (state := _random_state(value)) is not None:
                self._random.append((value, state))
            elif (own := _own_dictionary(value)) is not None:
                self._contents.append((own, own.copy()))
                waiting += own.values()
                lend_iterators(own)


def lend_iterators(container: Any) -> None:
    """Put copies in the places of iterators, so that those that are put back afterwards are not used up."""
    if isinstance(container, MutableMapping):
        places: Iterable[tuple[Any, Any]] = list(container.items())
    elif isinstance(container, list | collections.deque):
        places = list(enumerate(container))
    else:
        return
    for place, value in places:
        if type(value) in _ITERATORS:
            with warnings.catch_warnings(), contextlib.suppress(TypeError):
                warnings.simplefilter("ignore", DeprecationWarning)
                container[place] = _another(value)


def _another(value: Any) -> Any:
    """An iterator that gives what this one would; iterators within it are not shared, as `copy.copy` would."""
    if type(value) is tuple:
        return tuple(map(_another, value))
    if type(value) not in _ITERATORS:
        return list(value) if type(value) is list else value
    make, arguments, *state = value.__reduce__()
    # What holds the elements is not copied, only what walks along it.
    made = make(*(argument if type(argument) is list else _another(argument) for argument in arguments))
    if state and state[0] is not None:
        made.__setstate__(_another(state[0]))
    return made


def _own_dictionary(value: Any) -> dict[str, Any] | None:
    """The attributes of an object of the model's own classes."""
    kind = type(value)
    if isinstance(value, nn.Module | types.ModuleType | type) or kind.__module__.partition(".")[0] in _LIBRARIES:
        return None
    own = getattr(value, "__dict__", None)
    return own if type(own) is dict else None


_LIBRARIES = {"builtins", "torch", "torchvision", "numpy", "typing", "functools", "weakref", "threading", "logging"}


def _random_state(value: Any) -> Any:
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.RandomState):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value.bit_generator.state)
    return None


def _set_random_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def is_as_before(value: Any, kept: Any) -> bool:
    """Whether a container holds the very same things in the same order."""
    if len(value) != len(kept) or not all(map(is_, value, kept)):
        return False
    return not isinstance(value, dict) or all(map(is_, value.values(), kept.values()))
