"""What an optimizer keeps for each parameter, and which parameter that is where the file tells."""

from collections import defaultdict
from collections.abc import Sequence

from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.distinct import kind_of

SLOTS = {
    "exp_avg": "Adam's running mean of the gradients",
    "exp_avg_sq": "Adam's running mean of the squared gradients",
    "max_exp_avg_sq": "AMSGrad's largest running mean of the squared gradients so far",
    "exp_inf": "Adamax's running maximum of the gradients",
    "momentum_buffer": "SGD's momentum: the running sum of the gradients",
    "square_avg": "RMSprop's or Adadelta's running mean of the squared gradients",
    "grad_avg": "RMSprop's running mean of the gradients",
    "acc_delta": "Adadelta's running mean of the squared updates",
    "sum": "Adagrad's sum of the squared gradients",
    "prev": "Rprop's gradients of the step before",
    "step_size": "Rprop's step for each element",
    "ax": "ASGD's average of the parameter",
    "step": "how many steps were taken",
}
"""From the key to what it holds. Source: the ``state`` of each class in ``torch.optim``."""


class OptimizerSlots:
    """The optimizers in a file, as ``Optimizer.state_dict()`` gives them: a ``state`` beside ``param_groups``."""

    def __init__(self, catalog: Catalog) -> None:
        paths = {tuple(container.path) for container in catalog.containers}
        named = {tuple(container.path): container.entries for container in catalog.containers}
        self._states = {
            path
            for path in paths
            if path[-1:] == ("state",)
            and ((*path[:-1], "param_groups") in paths or "param_groups" in named.get(path[:-1], {}))
        }
        self._parameters = {state: _numbered_parameters(state, catalog) for state in self._states}

    def state_of(self, tensor: CatalogTensor) -> tuple[str, ...] | None:
        """The path of the ``state`` that holds the tensor for one parameter; None where it is not an optimizer's."""
        path = tuple(tensor.container)
        return path[:-1] if path[:-1] in self._states else None

    def parameter(self, tensor: CatalogTensor) -> str | None:
        """The key of the parameter that the tensor is kept for; None where the file does not tell."""
        state = self.state_of(tensor)
        return None if state is None else self._parameters[state].get(tensor.container[-1])


def _numbered_parameters(state: tuple[str, ...], catalog: Catalog) -> dict[str, str]:
    """Number → key, where one state_dict's parameters in order have the shapes of all that is kept for them.

    An optimizer numbers parameters in the order in which it was given them, usually that of ``model.parameters()``;
    which that was, only the shapes can confirm.
    """
    kept: dict[str, list[list[int]]] = defaultdict(list)
    models: dict[tuple[str, ...], list[CatalogTensor]] = defaultdict(list)
    for tensor in catalog.tensors:
        path = tuple(tensor.container)
        if path[:-1] == state:
            kept[path[-1]] += [tensor.shape] if tensor.shape else []
        elif path[: len(state) - 1] != state[:-1] or len(state) == 1:
            models[path].append(tensor)
    found = [keys for tensors in models.values() if (keys := _in_order(_parameters(tensors), kept))]
    return found[0] if len(found) == 1 else {}


def _parameters(tensors: Sequence[CatalogTensor]) -> list[CatalogTensor]:
    """Those that are trained, as ``parameters()`` lists them: tied ones once."""
    seen: set[tuple[str, int]] = set()
    parameters = []
    for tensor in tensors:
        memory = None if tensor.storage is None else (tensor.storage, tensor.storage_offset)
        if kind_of(tensor) == "parameter" and (memory is None or memory not in seen):
            parameters.append(tensor)
            seen |= {memory} if memory else set()
    return parameters


def _in_order(parameters: list[CatalogTensor], kept: dict[str, list[list[int]]]) -> dict[str, str]:
    numbers = sorted(int(number) for number in kept if number.isdecimal())
    if not numbers or len(numbers) != len(parameters) or numbers != list(range(len(parameters))):
        return {}
    pairs = list(zip(numbers, parameters, strict=True))
    fits = all(shape == parameter.shape for number, parameter in pairs for shape in kept[str(number)])
    return {str(number): parameter.key for number, parameter in pairs} if fits else {}
