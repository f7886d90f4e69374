"""Ask which file of weights is to be mended, and where the mended one goes."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace
from textual.widget import Widget
from textual.widgets import RadioSet, Static

from inspector.core.errors import RequestError
from inspector.core.repair import RepairReport, RepairSettings
from inspector.core.repair_wording import container_line, containers
from inspector.files.matching import LOSSY
from inspector.tui.dialog import Choice, Dialog, Tick, entry, labelled
from inspector.tui.lists import Choices
from inspector.tui.overwriting import Overwriting

ALLOW = "allow-"


class WeightsDialog(Dialog[RepairSettings]):
    """The file of weights; nothing is written."""

    title_text = "Mend a checkpoint"
    button = "Look"

    def __init__(self, weights: str, wrong: str = "") -> None:
        """`wrong` is what was wrong with the file before."""
        super().__init__()
        self._weights = weights
        self._wrong = wrong

    def fields(self) -> Iterable[Widget]:
        """The file's path."""
        yield entry("weights", self._weights, "weights")
        hint = "any file, folder or index of weights; it is read only, and nothing is written yet"
        yield Static(hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        """Say what was wrong."""
        self.wrong(self._wrong)

    def result(self) -> RepairSettings:
        """Settings for a look."""
        weights = self.text("weights").strip()
        if not weights:
            raise RequestError("the file has no name; write the path of a file of weights")
        return RepairSettings(weights=weights)


class ContainerDialog(Dialog[str]):
    """Which of a file's state_dicts is to be held against the model."""

    title_text = "Which part of the file"
    button = "Look"

    def __init__(self, report: RepairReport) -> None:
        super().__init__()
        self._report = report
        self._containers = containers(report)

    def fields(self) -> Iterable[Widget]:
        """All of them, the one that was taken first."""
        lines = [container_line(self._report, one) for one in self._containers]
        yield Choices(*(Choice(line, not at) for at, line in enumerate(lines)), id="container", compact=True)
        yield Static("space chooses; the same as --container of the command", classes="hint", markup=False)

    def result(self) -> str:
        """The keys that lead to it, joined by dots."""
        return self._containers[max(0, self.query_one(RadioSet).pressed_index)]


class MendedFileDialog(Dialog[RepairSettings]):
    """Where the mended file goes, and what may be done to fill it."""

    title_text = "Write the mended file"
    button = "Write"

    def __init__(self, settings: RepairSettings, report: RepairReport, wrong: str = "") -> None:
        """`wrong` is why the file was not written with these settings."""
        super().__init__()
        self._settings = settings
        self._wrong = wrong
        proposed = {proposal.kind for proposal in report.proposals}
        self._lossy = sorted(LOSSY & (proposed | set(settings.allow)))
        self._overwriting = Overwriting(self.button)

    def fields(self) -> Iterable[Widget]:
        """The path, and a switch for each option of the command of the same name."""
        yield entry("output", self._settings.output or suggested_output(self._settings.weights), "file")
        yield Static(".safetensors, or torch.save's .pt, .pth, .params, .bin, .ckpt", classes="hint", markup=False)
        yield labelled("--partial", Tick("the model's own values for the rest", self._settings.partial, id="partial"))
        yield labelled("--guess", Tick("take what fits equally well in order", self._settings.guess, id="guess"))
        for rule in self._lossy:
            what = f"{rule}, which loses information"
            yield labelled("--allow", Tick(what, rule in self._settings.allow, id=f"{ALLOW}{rule}"))

    def on_mount(self) -> None:
        """Say why it was not written."""
        self.wrong(self._wrong)

    def result(self) -> RepairSettings:
        """Settings that write; raises RequestError to ask about a file that exists."""
        output = self.text("output").strip()
        if not output:
            raise RequestError("the file has no name; write one that ends in .safetensors or .pt")
        return replace(
            self._settings,
            output=output,
            overwrite=self._overwriting.allowed(output),
            partial=self._is_on("partial"),
            guess=self._is_on("guess"),
            allow=[rule for rule in self._lossy if self._is_on(f"{ALLOW}{rule}")],
        )

    def _is_on(self, switch: str) -> bool:
        return self.query_one(f"#{switch}", Tick).value


def suggested_output(weights: str) -> str:
    """A name beside the file that says what it is."""
    path = Path(weights)
    return str(path.with_name(f"{path.stem}-mended.safetensors")) if path.name else "mended.safetensors"
