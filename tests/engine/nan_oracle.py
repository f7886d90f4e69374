"""What each call of a network sees of its input, found by poisoning: an oracle without any arithmetic of fields.

One column of the input is set to NaN, the network runs, and whatever became NaN saw that column. A comparison or an
``argmax`` hides NaN: there, a result that changed counts too. Parameters are positive and statistics neutral, so that
nothing cancels. From the rules under test only the layout is taken: along which dimension of a tensor an axis lies.

Channels do not matter to positions, so `thin` runs convolutions, linear layers and norms on one channel: a network
with a field of a thousand pixels can then be poisoned column by column.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from inspector.core.fields import Field, Seen, Whole
from inspector.core.table import ReceptiveField
from inspector.engine.pytorch.field_calls import FieldTracker
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Returned


class Call:
    """One call of a function or a module: what the rules tell of its first output, and what poison found."""

    def __init__(self, name: str, field: Field | None, told: Callable[[], ReceptiveField | None] | None) -> None:
        self.name = name
        self.field = field
        self.tells = told
        self.told: ReceptiveField | None = None
        self.numbers = True
        """False for an integer or a truth value, which tells no poison from its absence."""
        self.axes: list[int] = []
        """The input axes that `told` has one entry for."""
        self.seen: dict[int, torch.Tensor] = {}
        """By input axis: (columns, units), whether the unit saw the column."""

    def hint(self, axis: int) -> Seen | None:
        """Where the tensor has the input axis, by the rules; None where it has no position along it."""
        sight = self.field.axes.get((0, axis)) if self.field is not None else None
        return sight if isinstance(sight, Seen) else sight.local if isinstance(sight, Whole) else None


def observed(
    model: nn.Module, shape: Sequence[int], batch: int = 1, thin: bool = False, axes: Sequence[int] | None = None,
    columns: Sequence[int] | None = None, make_input: Callable[..., torch.Tensor] | None = None,
) -> list[Call]:  # fmt: skip
    """Every call that `model` makes on one input of `shape` (of one sample), with what it saw of each spatial axis.

    `batch`: columns poisoned at once, in samples of their own; it has to be 1 where samples do not stay apart.
    """
    shape = list(shape)
    with torch.no_grad(), _plain_kernels():
        neutral(model)
        base = (make_input or _plain)(shape)
        expanded = base.expand(batch, *shape[1:]).clone()
        # The rules see the network as it is, on the meta device where it can run there.
        healthy = expanded.clone()
        telling = _Telling(healthy)
        with telling.hooks(model), telling:
            model(healthy)
        calls = telling.calls
        spatial = telling.tracker._inputs.spatial_axes(0)
        for call in calls:
            call.told = call.tells() if call.tells is not None else None
            call.axes = spatial
        plain = None
        if batch == 1:
            plain, untouched = _Poisoned(calls, thin, None, 0, [0]), base.clone()
            with plain.hooks(model), plain:
                model(untouched)
        for axis in spatial if axes is None else axes:
            wanted = list(range(shape[axis]) if columns is None else columns)
            for start in range(0, len(wanted), batch):
                part = wanted[start : start + batch]
                poisoned = expanded.clone()
                for sample, column in enumerate(part):
                    poisoned[sample].select(axis - 1, column).fill_(torch.nan)
                watching = _Poisoned(calls, thin, plain.outputs if plain else None, axis, part, wanted)
                with watching.hooks(model), watching:
                    model(poisoned)
    return calls


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Convolutions that multiply and add: those by Fourier or Winograd transforms spread NaN over a tile, or further.

    And without threads, which take longer to start than a convolution of this size to run.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    nnpack, mkldnn = torch.backends.nnpack.flags, torch.backends.mkldnn.flags
    try:
        with nnpack(enabled=False), mkldnn(enabled=False):  # type: ignore[no-untyped-call]
            yield
    finally:
        torch.set_num_threads(threads)


def neutral(model: nn.Module) -> None:
    """Positive weights that keep the size of values, statistics that change nothing, eval mode."""
    model.eval()
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
        parameter.data.uniform_(0.5, 1.5).div_(max(fan_in, 1))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.zero_()
        elif name.endswith("running_var"):
            buffer.fill_(1)


def _plain(shape: Sequence[int]) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4


class _Watching(TorchFunctionMode):
    """Meets every function, and every module's output."""

    def hooks(self, model: nn.Module) -> "_Hooks":
        return _Hooks(model, self)

    def note(self, name: str, value: Any) -> None:
        raise NotImplementedError


class _Hooks:
    def __init__(self, model: nn.Module, watching: _Watching) -> None:
        self._model, self._watching, self._handles = model, watching, list[Any]()

    def __enter__(self) -> None:
        for path, module in self._model.named_modules():
            self._handles.append(module.register_forward_hook(self._hook(path)))

    def __exit__(self, *problem: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, path: str) -> Any:
        def note(module: nn.Module, args: Any, output: Any) -> None:
            with torch._C.DisableTorchFunction():
                self._watching.note(f"<{path}>", output)

        return note


class _Telling(_Watching):
    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self.tracker = FieldTracker([image])
        self.calls: list[Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.tracker.observe(Returned(func, args, kwargs, result), "here")
        with torch._C.DisableTorchFunction():
            name = getattr(func, "__name__", str(func))
            self.note(name, args[0] if name == "__setitem__" else result)
        return result

    def note(self, name: str, value: Any) -> None:
        first = next(tensors_in(value), None)
        if first is not None:
            self.calls.append(Call(name, self.tracker._get(first), self.tracker.field_of(first)))


class _Poisoned(_Watching):
    def __init__(
        self, calls: list[Call], thin: bool, plain: list[torch.Tensor] | None, axis: int, part: list[int],
        wanted: list[int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._calls, self._thin, self._plain, self._axis, self._part, self._wanted = (
            calls,
            thin,
            plain,
            axis,
            part,
            wanted,
        )
        self.outputs: list[torch.Tensor] = []
        self._number = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        with torch._C.DisableTorchFunction():
            result = thinly(name, args, kwargs) if self._thin else None
        if result is None:
            result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            self.note(name, args[0] if name == "__setitem__" else result)
        return result

    def note(self, name: str, value: Any) -> None:
        first = next(tensors_in(value), None)
        if first is None:
            return
        call = self._calls[self._number]
        call.numbers = first.is_floating_point() or first.is_complex()
        assert call.name == name, (call.name, name)
        self._number += 1
        if self._wanted is None:
            self.outputs.append(first.clone())
            return
        hit = torch.isnan(first)
        if self._plain is not None:
            hit |= first != self._plain[self._number - 1]
        self._add(call, hit)

    def _add(self, call: Call, hit: torch.Tensor) -> None:
        hint = call.hint(self._axis)
        units = hint.length if hint is not None and hint.dim is not None else 1
        assert self._wanted is not None
        found = call.seen.setdefault(self._axis, torch.zeros(len(self._wanted), units, dtype=torch.bool))
        samples = None
        if len(self._part) > 1 or self._plain is None:
            sight = call.field.axes.get((0, 0)) if call.field is not None else None
            if not isinstance(sight, Seen) or sight.dim is None:
                call.seen.pop(self._axis)
                return
            samples = sight
        kept = [one.dim for one in (samples, hint) if one is not None and one.dim is not None]
        others = [dim for dim in range(hit.dim()) if dim not in kept]
        places = (hit.amax(others, keepdim=True) if others else hit).nonzero()
        if not len(places):
            return
        sample = torch.zeros(len(places), dtype=torch.long)
        if samples is not None and samples.dim is not None:
            sample = places[:, samples.dim] // samples.inner % samples.length
        unit = torch.zeros(len(places), dtype=torch.long)
        if hint is not None and hint.dim is not None:
            unit = places[:, hint.dim] // hint.inner % hint.length
        inside = sample < len(self._part)
        row = torch.tensor([self._wanted.index(column) for column in self._part])
        found[row[sample[inside]], unit[inside]] = True


def thinly(name: str, args: Any, kwargs: Any) -> torch.Tensor | None:
    """The same positions on one channel, for the functions that mix channels; None for all others."""
    x = args[0] if args and isinstance(args[0], torch.Tensor) else kwargs.get("input")
    if name.startswith("conv") and name[-1] == "d":
        return _thin_convolution(name, x, *args[1:], **{key: one for key, one in kwargs.items() if key != "input"})
    if name == "linear":
        return x.mean(-1, keepdim=True)
    if name == "batch_norm":
        return x * 1
    if name == "group_norm":
        return x + x.mean(list(range(1, x.dim())), keepdim=True)
    if name == "layer_norm":
        return x + x.mean(
            [-1 - dim for dim in range(len(args[1] if len(args) > 1 else kwargs["normalized_shape"]))], keepdim=True
        )
    return None


def _thin_convolution(
    name: str, x: torch.Tensor, weight: torch.Tensor, bias: Any = None, *args: Any, **kwargs: Any
) -> torch.Tensor:
    count = int(name[-2])
    kernel = torch.full((1, 1, *weight.shape[2:]), 1 / weight[0, 0].numel(), dtype=x.dtype)
    # The groups stand behind padding and dilation, or behind output_padding.
    place = 4 if "transpose" in name else 3
    rest = [1 if number == place else one for number, one in enumerate(args)]
    kwargs = {**kwargs, "groups": 1} if len(args) <= place else kwargs
    function = getattr(torch, name)
    result: torch.Tensor = function(x.mean(-count - 1, keepdim=True), kernel, None, *rest, **kwargs)
    return result


class Verdict:
    """How a call's told field compares with what poison found along all axes that were poisoned.

    With `copies` border units may see pixels near the border where what is read lies beyond it.
    """

    def __init__(self, call: Call, copies: bool = False) -> None:
        self.call = call
        self._copies = copies
        self.problems: list[str] = []
        self.compared = False
        self.status = call.told.status if call.told is not None else "none"
        for place, axis in enumerate(call.axes):
            if axis in call.seen:
                self.compared = True
                self._compare(place, axis)

    def _compare(self, place: int, axis: int) -> None:
        told, seen = self.call.told, self.call.seen[axis]
        extents = list(_extents(seen))
        if told is None:
            if self.call.field is None and any(extents):
                self.problems.append(f"axis {axis}: told as a constant, sees {extents[:3]}")
            return
        if told.status == "unknown":
            return
        columns = seen.shape[0]
        sight = self.call.field.axes.get((0, axis)) if self.call.field is not None else None
        if isinstance(sight, Whole) and told.stride[place] == 0 and told.size[place] == columns:
            if told.status != "upper_bound" and not any(extent == (0, columns - 1) for extent in extents):
                self.problems.append(f"axis {axis}: whole input, but units see {_longest(extents)} of {columns}")
            return
        size, stride, start = told.size[place], told.stride[place], told.start[place]
        full = 0
        for unit, extent in enumerate(extents):
            low = _ceil(start + unit * stride)
            claimed = (max(low, 0), min(low + size - 1, columns - 1))
            if extent is None:
                continue
            inside = low >= size and low + 2 * size <= columns
            if (extent[0] < claimed[0] or extent[1] > claimed[1]) and (inside or not self._copies):
                self.problems.append(
                    f"axis {axis}: unit {unit} sees {extent}, told {claimed} of {size} /{stride} from {start}"
                )
                return
            full = max(full, extent[1] - extent[0] + 1 if extent == (low, low + size - 1) else 0)
        if told.status != "exact" or not any(extents) or not self.call.numbers:
            return
        interior = [u for u in range(len(extents)) if 0 <= _ceil(start + u * stride) <= columns - size]
        matching = [
            u for u in interior if extents[u] == (_ceil(start + u * stride), _ceil(start + u * stride) + size - 1)
        ]
        if interior and full != size:
            self.problems.append(
                f"axis {axis}: told exactly {size} /{stride} from {start}, units see {_longest(extents)}"
            )
        elif isinstance(sight, Seen) and len(sight.edges.lo) == 1 and not _are_all(matching, interior):
            self.problems.append(
                f"axis {axis}: {len(interior) - len(matching)} of {len(interior)} units see less than told"
            )


def _are_all(matching: list[int], interior: list[int]) -> bool:
    """Whether all units match but some near the border: a window with gaps begins with a gap there, or meets padding of
    a map that ends before the image does.
    """
    if not interior:
        return True
    return len(matching) == matching[-1] - matching[0] + 1 and 2 * len(matching) >= len(interior)


def _extents(seen: torch.Tensor) -> Iterator[tuple[int, int] | None]:
    for unit in seen.T:
        places = unit.nonzero().flatten()
        yield (int(places[0]), int(places[-1])) if len(places) else None


def _longest(extents: list[tuple[int, int] | None]) -> int:
    return max((extent[1] - extent[0] + 1 for extent in extents if extent), default=0)


def _ceil(value: float) -> int:
    # Fractions come as floats.
    return -int(-(value - 1e-6) // 1)
