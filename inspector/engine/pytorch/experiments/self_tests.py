"""Karpathy's tests before training: overfit one batch, do better than without the input, depend on what one should.

A Recipe for Training Neural Networks (2019), step 2.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from inspector.core.errors import RequestError
from inspector.core.self_tests import Dependency, SelfTest, SelfTestReport, SelfTestSettings
from inspector.core.wording import number, things
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.experiments.batches import passed, samples_in, unlike, unmeasured, with_samples
from inspector.engine.pytorch.experiments.dependencies import dependencies
from inspector.engine.pytorch.experiments.subject import FEW_PARAMETERS, Subject
from inspector.engine.pytorch.nested import tensors_in, with_tensors
from inspector.engine.random_state import seeded
from inspector.engine.statistics import on_one_thread

SAMPLES = 8
RATE = 3e-3
OVERFIT, BETTER = 0.3, 0.8
"""Shares of the first loss, and of the loss without the input, below which a test passes."""
LEARNED = 0.02
"""Share of the first loss below which there is no more to learn."""
_Loss = Callable[[Any], torch.Tensor]


def self_tests(subject: Subject, settings: SelfTestSettings) -> SelfTestReport:
    """All of them, the trainings on copies. Raises RequestError where the module fails."""
    specs = subject.specs
    several = specs if samples_in(specs) is None else with_samples(specs, SAMPLES)
    arguments = unlike(subject.arguments(specs=several), subject.seed)
    chart = dependencies(subject)
    if not any(parameter.requires_grad for parameter in subject.module.parameters()):
        none = "no parameter is to be trained"
        return SelfTestReport(tests=[_dependency(chart), _undecided("overfit", none)], dependencies=chart)
    real, why = _trained(subject, arguments, settings, "overfitting one batch")
    blind, _ = _trained(subject, with_tensors(arguments, _blank), settings, "training without the input")
    return SelfTestReport(tests=[_overfit(real, why), _baseline(real, blind), _dependency(chart)], dependencies=chart)


def _overfit(losses: list[float], why: str) -> SelfTest:
    share = losses[-1] / losses[0] if losses[0] > 0 else 0.0
    told = f"loss {number(losses[0])} → {number(losses[-1])} in {things(len(losses) - 1, 'step')} of Adam at {RATE:g}"
    if share < OVERFIT:
        return SelfTest(name="overfit", outcome="passed", message="one random batch can be learned by heart",
                        evidence=told, losses=losses)  # fmt: skip
    falling = why == "time" and losses[-1] < 0.98 * losses[len(losses) // 2]
    return SelfTest(
        name="overfit",
        outcome="undecided" if falling else "failed",
        message="the time was over while the loss still fell: --seconds gives it more"
        if falling
        else "one random batch cannot be learned by heart: `nninspect check` tells what may be in the way",
        evidence=f"{told}, which is {share:.0%} of the first, not below {OVERFIT:.0%}",
        losses=losses,
    )


def _baseline(real: list[float], blind: list[float]) -> SelfTest:
    steps = min(len(real), len(blind)) - 1
    better = real[steps] < BETTER * blind[steps]
    return SelfTest(
        name="baseline",
        outcome="passed" if better else "failed",
        message="with its input the model learns more than without" if better else "the input does not help to learn",
        evidence=f"after {things(steps, 'step')} the loss is {number(real[steps])} with the input, "
        f"{number(blind[steps])} with zeros instead",
        losses=blind,
    )


def _dependency(chart: list[Dependency]) -> SelfTest:
    batch = [one for one in chart if one.axis == "batch"]
    if not batch:
        return _undecided("dependency", "no output has as many samples as an input")
    mixed = [one for one in batch if one.pattern not in ("each its own", "none")]
    none = all(one.pattern == "none" for one in batch)
    told = "; ".join(f"{one.output} along {one.axis} of {one.input}: {one.pattern}" for one in chart)
    if mixed:
        message = f"samples of {mixed[0].output} depend on other samples of {mixed[0].input}"
    else:
        message = "no output depends on the input" if none else "each sample depends on itself alone"
    return SelfTest(name="dependency", outcome="failed" if mixed or none else "passed", message=message, evidence=told)


def _undecided(name: str, why: str) -> SelfTest:
    return SelfTest(name=name, outcome="undecided", message=why, evidence="")


def _trained(subject: Subject, arguments: Arguments, settings: SelfTestSettings, what: str) -> tuple[list[float], str]:
    """The losses of a copy that is trained on one batch, and what ended it: "steps" or "time"."""
    small = sum(one.numel() for one in subject.module.parameters()) < FEW_PARAMETERS
    with seeded(subject.seed), on_one_thread() if small else nullcontext():
        model = subject.copied()
        model.eval()
        for part in model.modules():
            # Normalisations by the batch, and no dropout: what is learned by heart is to be seen.
            part.training = unmeasured(part) or isinstance(part, nn.RNNBase)
        optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], RATE)
        loss_of: _Loss | None = None
        losses: list[float] = []
        ends, why = time.perf_counter() + settings.seconds, "steps"
        for step in range(settings.steps + 1):
            subject.progress(step, settings.steps, what)
            output = passed(lambda: call_model(model, with_tensors(arguments, torch.clone)))
            if loss_of is None:
                loss_of = _objective(output, subject.seed)
            loss = loss_of(output)
            losses.append(float(loss.detach()))
            if not torch.isfinite(loss):
                told = "`nninspect check --select NN301` tells the origin"
                raise RequestError(f"the loss is {losses[-1]} at step {step}: {told}")
            if losses[-1] < LEARNED * losses[0]:
                break
            if step == settings.steps or time.perf_counter() > ends:
                why = "time" if step < settings.steps else "steps"
                break
            optimizer.zero_grad()
            passed(loss.backward)
            optimizer.step()
    return losses, why


def _objective(output: Any, seed: int) -> _Loss:
    """Random labels for what can be logits, random targets in range for the rest.

    Raises RequestError where no output can be trained.
    """
    outputs = [tensor for tensor in tensors_in(output) if tensor.requires_grad and tensor.is_floating_point()]
    if not outputs:
        raise RequestError("no output depends on a parameter in a differentiable way: see NN103")
    first, place = outputs[0].detach(), [id(one) for one in tensors_in(output)].index(id(outputs[0]))
    generator = torch.Generator().manual_seed(seed)
    low, high = float(first.min()), float(first.max())
    if first.dim() == 2 and first.shape[1] > 1 and not (low >= 0 and high <= 1):
        labels = torch.randint(first.shape[1], first.shape[:1], generator=generator).to(first.device)
        return lambda made: functional.cross_entropy(list(tensors_in(made))[place], labels)
    target = torch.randn(first.shape, generator=generator).to(first)
    if low >= 0 and high <= 1:
        target = (target > 0).to(first)
        if first.dim() > 1 and torch.allclose(first.sum(-1), first.new_ones(first.shape[:-1]), atol=1e-3):
            target = functional.one_hot(target.argmax(-1), first.shape[-1]).to(first)
    elif low >= -1 and high <= 1:
        target = 0.8 * target.sign()
    return lambda made: functional.mse_loss(list(tensors_in(made))[place], target)


def _blank(tensor: torch.Tensor) -> torch.Tensor:
    """The same for every sample: zeros; of numbers that are no data the first sample's."""
    if tensor.is_floating_point():
        return torch.zeros_like(tensor)
    return tensor[:1].expand_as(tensor).clone() if tensor.dim() else tensor
