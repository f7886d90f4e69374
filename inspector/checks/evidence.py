"""What rules look at; each part is found out when the first rule asks for it, and once."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from inspector.checks.measuring import Measured, measure
from inspector.core.errors import RequestError
from inspector.core.loads import Load
from inspector.core.recipe import InputSpec
from inspector.core.table import ModelTable
from inspector.engine.live import LiveModel, Progress
from inspector.files.catalog import Catalog, CatalogTensor

if TYPE_CHECKING:
    from inspector.engine.activations import Activations
    from inspector.engine.nonfinite import Origins
    from inspector.engine.pytorch.experiments.subject import Subject
    from inspector.engine.subject import ExperimentSubject

T = TypeVar("T")
_OPTIMIZER_WORDS = ("optim", "exp_avg", "momentum_buffer", "param_groups")


class NotObservedError(Exception):
    """A rule cannot be applied; the message says why."""


class Evidence:
    """What is known of a live model, of the file it was loaded from, or of a file alone."""

    def __init__(
        self,
        progress: Progress,
        *,
        catalog: Catalog | None = None,
        model: LiveModel | None = None,
        inputs: list[InputSpec] | None = None,
    ) -> None:
        self.progress = progress
        self.model = model
        self._catalog = catalog
        self._inputs = inputs or []

    def of(self, experiment: "Callable[[Subject], T]") -> T:
        """What an experiment on the live PyTorch module found; made once, however many rules ask.

        Raises NotObservedError where there is no such module, or the experiment cannot be made with it.
        """
        return self._observed(lambda subject: subject.of(experiment))

    @property
    def activations(self) -> "Activations":
        """What every operation puts out over many samples. Raises NotObservedError where the model cannot be run."""
        return self._observed(lambda subject: subject.activations())

    @property
    def origins(self) -> "Origins":
        """Where values come from that are not finite. Raises NotObservedError where the model cannot be run."""
        return self._observed(lambda subject: subject.origins())

    def _observed(self, ask: "Callable[[ExperimentSubject], T]") -> T:
        try:
            return ask(self._subject)
        except RequestError as problem:
            raise NotObservedError(str(problem)) from problem

    @cached_property
    def _subject(self) -> "ExperimentSubject":
        return self.live.subject(self._inputs, self.progress)

    @property
    def live(self) -> LiveModel:
        """The live model. Raises NotObservedError where there is a file alone."""
        if self.model is None:
            raise NotObservedError("a file alone has no modules that could be run")
        return self.model

    @cached_property
    def traced(self) -> ModelTable:
        """The table of the live model with the shapes of a pass. Raises NotObservedError where there is none."""
        try:
            return self.live.traced(self._inputs, self.progress)
        except RequestError as problem:
            raise NotObservedError(str(problem)) from problem

    @property
    def load(self) -> Load:
        """How the weights fitted that were loaded into the model. Raises NotObservedError where there were none."""
        if self.model is None:
            raise NotObservedError("a file alone has no model to fit: nninspect check MODEL --weights FILE")
        load = self.model.table().load
        if load is None:
            raise NotObservedError(_no_weights(self.model))
        return load

    @cached_property
    def catalog(self) -> Catalog:
        """What the file of weights declares. Raises NotObservedError where there is none."""
        if self._catalog is not None:
            return self._catalog
        recipe = self.live.recipe
        if recipe.weights is None:
            raise NotObservedError(_no_weights(self.live))
        from inspector.engine.user_paths import user_path
        from inspector.files import open_catalog

        return open_catalog(user_path(recipe.weights), recipe.allow_outside)

    @cached_property
    def trained(self) -> str:
        """How one knows that the model's weights are no longer those that it started with; "" where one does not."""
        live = self.live
        if live.table().load is not None:
            return "weights were loaded"
        if live.table().model.framework == "onnx":
            return "an ONNX file holds a model that is done"
        counted = [one for one in self.weights.measured if one.name == "num_batches_tracked" and one.health.high]
        return f"{counted[0].key} counts batches" if counted else ""

    @cached_property
    def weights(self) -> "Weights":
        """Every tensor measured, those that share memory once."""
        if self.model is None:
            return _of_file(self.catalog, self.progress)
        return _of_model(self.model, self.progress)


class Weights:
    """Tensors that were measured, and why others were not."""

    def __init__(self) -> None:
        self.measured: list[Measured] = []
        self.unread: list[str] = []
        self.damaged: list[str] = []
        """Of those that are not read, the ones that are not there although the file says so."""


def worth_reading(catalog: Catalog) -> Iterator[CatalogTensor]:
    """The tensors of a file but those of an optimizer, which starts at zero; shared ones once."""
    seen: set[tuple[object, ...]] = set()
    for tensor in catalog.tensors:
        place = (tensor.file, tensor.storage, tensor.storage_offset, tuple(tensor.shape), tuple(tensor.strides))
        if tensor.elements and (tensor.storage is None or place not in seen):
            seen.add(place)
            if not any(word in part for part in (*tensor.container, tensor.name) for word in _OPTIMIZER_WORDS):
                yield tensor


def _of_file(catalog: Catalog, progress: Progress) -> Weights:
    from inspector.files.values.reading import DamagedValuesError, read_tensor

    chosen = list(worth_reading(catalog))
    size = sum(tensor.bytes for tensor in chosen)
    found, done = Weights(), 0
    for tensor in chosen:
        tick = _tick(progress, done, size, tensor.key)
        try:
            found.measured.append(measure(tensor.key, tensor.dtype, read_tensor(catalog, tensor), tick))
        except RequestError as problem:
            found.unread.append(str(problem))
            found.damaged += [str(problem)] if isinstance(problem, DamagedValuesError) else []
        done += tensor.bytes
    return found


def _of_model(model: LiveModel, progress: Progress) -> Weights:
    found, table = Weights(), model.table()
    # In a graph the numbers of formulas are tensors as well.
    graph = table.model.framework == "onnx"
    single = [tensor for tensor in table.tensors if graph and tensor.elements == 1]
    constants = {tensor.key for tensor in single if tensor.kind == "buffer" or not tensor.shape}
    for number, (key, dtype, values) in enumerate(model.arrays()):
        progress(number, None, f"looking at {key}")
        if values is None:
            found.unread.append(f"{key} holds text" if dtype == "string" else f"{key} has no values to look at")
        elif values.size:
            found.measured.append(measure(key, dtype, values)._replace(is_constant=key in constants))
    return found


def _no_weights(model: LiveModel) -> str:
    if model.table().model.framework == "onnx":
        return "an ONNX file brings its own weights; there is no other file to hold against it"
    return "no file of weights was loaded into the model; --weights FILE does"


def _tick(progress: Progress, before: int, size: int, key: str) -> Callable[[int], None]:
    def tick(read: int) -> None:
        progress(before + read, size, f"reading {key}")

    return tick
