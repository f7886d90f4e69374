"""Tensors on the wrong device or of the wrong dtype, found without either."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.edits import Edit
from inspector.core.findings import Finding
from inspector.core.wording import things
from inspector.engine.pytorch.source_edits import patch, with_keyword
from inspector.engine.pytorch.user_source import calls_on_line

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.devices import GpuPass

DEVICE_OR_DTYPE = rule(
    "NN801",
    "device-or-dtype",
    "Tensors that stay on the CPU when the model is moved, several devices or dtypes in one model, and float32 that "
    "comes back in half precision.",
    "Passes with fake tensors, in eval and in train mode, in which all that is registered seems to lie on a GPU: an "
    "operation on two devices is an error, and so is a device asked for by name where there is none. A real pass in "
    "bfloat16: an operation that refuses, or an output in float32.",
    "torch's FakeTensorMode, which keeps the rules of devices without having them; measured on CPU-only machines.",
)


@looks_at_module(DEVICE_OR_DTYPE)
def device_or_dtype(evidence: Evidence) -> Iterator[Finding]:
    """What lies where, then what a GPU and bfloat16 would say."""
    yield from _mixed(evidence)
    named = _named_device(evidence)
    if named is not None:
        # No other pass runs either.
        yield named
        return
    with contextlib.suppress(NotObservedError):
        # What hinders this pass hinders the next one too, which says so.
        yield from _in_half(evidence)
    yield from _on_gpu(evidence)


def _mixed(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.devices import placement

    found = evidence.of(placement)
    for what, groups in (("device", found.devices), ("dtype", found.dtypes)):
        if len(groups) < 2:
            continue
        usual = max(groups, key=lambda name: len(groups[name]))
        others = {name: keys for name, keys in groups.items() if name != usual}
        named = "; ".join(
            f"{name}: {', '.join(keys[:4])}{' …' if len(keys) > 4 else ''}" for name, keys in others.items()
        )
        yield finding(
            DEVICE_OR_DTYPE,
            "warning",
            next(iter(others.values()))[0],
            f"tensors of {len(groups)} {what}s in one model: {len(groups[usual])} {usual}, others not",
            named,
            f"bring all to one {what} with model.to({'device' if what == 'device' else 'dtype'})",
            "a model spread over devices on purpose" if what == "device" else "layers kept in float32 for their range",
            edit=Edit(action="place", where="", argument=usual) if what == "device" and "meta" not in groups else None,
        )


def _named_device(evidence: Evidence) -> Finding | None:
    from inspector.engine.pytorch.experiments.failing_pass import failing_pass

    failed = evidence.of(failing_pass)
    if failed is None or failed.lacks_device is None:
        return None
    ways = failed.failure.suggestions
    told = finding(
        DEVICE_OR_DTYPE,
        "error",
        failed.failure.path,
        f"forward asks for {failed.lacks_device} by name, so the model runs nowhere else",
        f"a pass in {_mode(failed.training)} on a machine without it: {failed.failure.message}",
        ways[0] if ways else "make it where its partners lie: device=x.device",
        "a model that is meant for that device only",
        failed.failure.source,
    )
    return replace(told, patch=failed.patch)


def _mode(training: bool) -> str:
    return "train mode" if training else "eval mode"


def _on_gpu(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.devices import gpu_pass

    found = evidence.of(gpu_pass)
    if found.problem and not found.is_device_mismatch:
        raise NotObservedError(f"a pass that pretends to run on a GPU cannot be made: {found.problem}")
    if not found.problem:
        return
    made = found.source is not None and not _names_held(found)
    told = finding(
        DEVICE_OR_DTYPE,
        "warning" if found.chooses else "error",
        found.path,
        "the model would fail on a GPU: "
        + (
            "a tensor made in forward stays on the CPU"
            if made
            else f"{', '.join(_named(found))} is no registered tensor, so model.to() leaves it on the CPU"
        ),
        f"a pass in {_mode(found.training)} in which all that is registered seems to lie on a GPU: {found.problem}",
        "make it where its partners lie: device=x.device"
        if made
        else "self.register_buffer(name, tensor) for tensors, nn.ModuleList for modules",
        "code that moves it before use in a way that asks for the GPU there is"
        if found.chooses
        else "a model that never leaves the CPU",
        found.source,
    )
    yield replace(told, patch=_patch(evidence, found, made))


def _named(found: "GpuPass") -> list[str]:
    text = found.source.text if found.source is not None else ""
    return [path for path in found.held if path.rpartition(".")[2] in text] or found.held[:3]


def _names_held(found: "GpuPass") -> bool:
    """Whether the guilty line names a tensor or module that is held unregistered, or is not in the user's code."""
    text = found.source.text if found.source is not None else ""
    return any(f".{path.rpartition('.')[2]}" in text for path in found.held)


def _patch(evidence: Evidence, found: "GpuPass", made: bool) -> str:
    from inspector.engine.pytorch.experiments.constructor_lines import constructor_lines

    if found.source is None:
        return ""
    if not made:
        return evidence.of(constructor_lines).as_buffer(_named(found)[0]) if _named(found) else ""
    factories = ("arange", "zeros", "ones", "randn", "rand", "full", "linspace", "eye", "tensor", "randint", "empty")
    device = evidence.of(constructor_lines).device_near(found.source)
    for line in _lines_before(found.source.line):
        calls = calls_on_line(replace(found.source, line=line), *factories)
        if len(calls) == 1 and device:
            return patch(with_keyword(found.source.file, calls[0], "device", device))
    return ""


def _lines_before(line: int) -> range:
    return range(line, max(0, line - 8), -1)


def _in_half(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.devices import half_pass, placement

    if set(evidence.of(placement).dtypes) != {"float32"}:
        return
    found = evidence.of(half_pass)
    if found.problem:
        if "dtype" not in found.problem and "type" not in found.problem:
            return
        yield finding(
            DEVICE_OR_DTYPE,
            "info",
            "",
            "the model fails in bfloat16, where all that is registered is of that dtype",
            found.problem,
            "make constants in the dtype of what they meet: dtype=x.dtype, or register them as buffers",
            "a model that is never run in half precision, or under autocast only",
            found.source,
        )
    elif found.promoted:
        yield finding(
            DEVICE_OR_DTYPE,
            "info",
            found.first_path,
            f"in bfloat16 {things(len(found.promoted), 'output')} comes back in float32"
            + (f": {found.first} promotes" if found.first else ""),
            "all parameters, buffers and inputs were bfloat16; a float32 constant widens what it meets",
            "make constants in the dtype of what they meet: dtype=x.dtype, or register them as buffers",
            "outputs that are made float32 on purpose, for a loss",
            found.first_source,
        )
