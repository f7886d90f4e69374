"""A module and the inputs that it is put through its experiments with."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from inspector.core.recipe import InputSpec
from inspector.engine.live import Progress
from inspector.engine.pytorch.calling import Arguments, call_model
from inspector.engine.pytorch.inputs.arguments import arguments_for
from inspector.engine.pytorch.recording import Recorder
from inspector.engine.pytorch.shape_pass import has_lazy, materialised_copy
from inspector.engine.pytorch.untouched import modes_kept, untouched
from inspector.engine.random_state import seeded
from inspector.engine.statistics import on_one_thread

FEW_PARAMETERS = 1_000_000
"""With fewer, threads wait for each other longer than they work wherever the machine has other work."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What experiments are made on: a module stays as it was, whatever they do."""

    module: nn.Module
    find_inputs: Callable[[], list[InputSpec]]
    """Gives the inputs, worked out where none were given; raises RequestError where there are none."""
    seed: int
    progress: Progress

    def arguments(self, seed: int | None = None) -> Arguments:
        """What the module is called with, drawn anew for another seed."""
        return arguments_for(self.module, self.find_inputs(), self.seed if seed is None else seed)

    def materialised(self) -> "Subject":
        """The same, or a copy where lazy parameters have no shapes yet: with those that its inputs give them."""
        if not has_lazy(self.module):
            return self
        return replace(self, module=materialised_copy(self.module, self.arguments(), self.seed))

    def run(
        self,
        arguments: Arguments,
        *,
        training: bool | Callable[[nn.Module], bool] = False,
        grad: bool = False,
        recorder: Recorder | None = None,
        then: Callable[[Any], Any] = lambda output: output,
    ) -> Any:
        """What `then` makes of the output of one real pass, while gradients and modes are still as the pass left them.

        `training` may also say it module by module. Raises whatever the module raises.
        """
        few = sum(one.numel() for one in self.module.parameters() if not is_lazy(one)) < FEW_PARAMETERS
        threads = on_one_thread() if few else nullcontext()
        with untouched(self.module, values=True), modes_kept(self.module), seeded(self.seed), threads:
            self.module.train(training is True)
            if callable(training):
                for part in self.module.modules():
                    part.training = training(part)
            with torch.enable_grad() if grad else torch.no_grad(), recorder or nullcontext():
                output = call_model(self.module, arguments)
            return then(output)
