"""Why something cannot be done now: a sentence for the person who pressed its key, "" where it can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.recipe import parse_target
from inspector.tui.keys_here import keyed
from inspector.worker.given_inputs import is_passing

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

VALUES_OF_ONNX_ONLY = (
    "the values of outputs can be asked for in ONNX models only; panel {panel_activations} has their statistics"
)


def none(app: NNInspectApp) -> str:
    """It can always be done."""
    return ""


def nothing_open(app: NNInspectApp) -> str:
    """Without a table there is nothing to look at."""
    return "" if app.table is not None else "no model is open yet"


def nothing_to_resume(app: NNInspectApp) -> str:
    """A live object is in no file that a later program could open, nor are tensors that a program gave."""
    passing = keyed("the inputs are tensors of your own program, which no later one has; {input} writes others")
    why_not = nothing_open(app) or _only_named(app, "no later program can open it")
    return why_not or (passing if any(map(is_passing, app.inputs)) else "")


def nothing_to_repeat(app: NNInspectApp) -> str:
    """A script opens the model anew, which only the program that has it can."""
    return nothing_open(app) or _only_named(app, "its changes are made there already")


def nothing_open_or_waiting(app: NNInspectApp) -> str:
    """Beside a pass that waits nothing else runs in the model."""
    waiting = keyed("a forward pass waits at a stop; {step_end}, End the pass, ends it", at_stop=True)
    return nothing_open(app) or (waiting if app.stepping.is_on else "")


def no_stop(app: NNInspectApp) -> str:
    """A pass has to wait to go on."""
    return nothing_open(app) or (
        "" if app.stepping.is_on else keyed("no pass is stepped through; {step_start} begins one")
    )


def nothing_to_evaluate_in(app: NNInspectApp) -> str:
    """Expressions are Python's."""
    return no_stop(app) or _only_pytorch(app, "an ONNX graph has no Python variables to evaluate an expression with")


def nothing_at_stop_to_change(app: NNInspectApp) -> str:
    """A graph's pass is over before one walks along it; a row that failed puts nothing out."""
    why_not = no_stop(app) or _only_pytorch(app, "an ONNX graph runs in one piece; nothing is changed on the way")
    failed = app.stepping.stop is not None and app.stepping.stop.failure is not None
    return why_not or ("the pass failed here and puts nothing out" if failed else "")


def nothing_to_break_at(app: NNInspectApp) -> str:
    """Breakpoints are at rows of a model that can run."""
    if app.table is not None and app.table.model.framework == "file":
        return nothing_to_run(app)
    return nothing_open(app)


def nothing_failed(app: NNInspectApp) -> str:
    """There has to be a failure to look at."""
    failed = app.table is not None and app.table.failure is not None
    return nothing_to_run(app) or (
        "" if failed else keyed("the last pass did not fail; {step_start} steps through one")
    )


def no_text_in_focus(app: NNInspectApp) -> str:
    """A text scrolls where the keyboard is."""
    from inspector.tui.page import TextPanel

    return "" if isinstance(app.focused, TextPanel) else "no text has the keyboard; tab goes to the panel"


def no_field_on_show(app: NNInspectApp) -> str:
    """A unit is moved where it is seen."""
    return nothing_open(app) or ("" if app.side.current == "field" else "the panel of the receptive field is not open")


def no_picture(app: NNInspectApp) -> str:
    """A tensor has to have more than one value to make a picture."""
    why_not = nothing_open(app)
    if why_not or app.side.current != "values":
        return why_not
    tensor = app.looked_at
    if tensor is None:
        return "there is no tensor at this row"
    if tensor.lazy:
        return "no pass has given this tensor a shape yet"
    if not tensor.shape:
        return "a single number has no picture"
    return "" if tensor.elements else "this tensor has no elements"


def no_output(app: NNInspectApp) -> str:
    """Values of the nodes of an ONNX graph are worked out again; a PyTorch pass keeps none."""
    if app.table is not None and app.table.model.framework != "onnx":
        return keyed(VALUES_OF_ONNX_ONLY)
    if nothing_open(app) or app.report is None:
        return no_run(app)
    return "" if app.row is not None and app.row.values else "this row puts nothing out"


def no_picture_on_show(app: NNInspectApp) -> str:
    """Planes are moved where they are seen."""
    on_show = app.table is not None and app.side.current == "values" and app.side.picture.display
    return nothing_open(app) or ("" if on_show else keyed("no picture of values is on show; {values_form} shows one"))


def no_run(app: NNInspectApp) -> str:
    """There has to be a pass to keep or to draw."""
    return nothing_open(app) or (
        "" if app.report is not None else keyed("no pass has run on real values yet; {forward} runs one")
    )


def nothing_kept(app: NNInspectApp) -> str:
    """Only what is kept is dropped."""
    return nothing_open(app) or ("" if app.kept is not None else "no run is kept as before; K keeps the last one")


def nothing_to_run(app: NNInspectApp) -> str:
    """A file of tensors has no code."""
    if app.table is None:
        return nothing_open(app)
    if app.table.model.framework == "file":
        return "this is a file of tensors without a model; open the model with these as its --weights to do that"
    return nothing_open_or_waiting(app)


def nothing_to_change(app: NNInspectApp) -> str:
    """A model without tensors has nothing to fill or save."""
    if app.table is not None and not app.table.tensors:
        return "this model has no parameters or buffers"
    return nothing_to_run(app)


def no_backward(app: NNInspectApp) -> str:
    """An ONNX graph is run forward only."""
    return nothing_to_run(app) or _only_pytorch(app, "gradients need PyTorch; an ONNX model runs forward only, with f")


def no_difference_on_show(app: NNInspectApp) -> str:
    """These keys are those of the screen with the differences."""
    from inspector.tui.difference_screen import DifferenceScreen

    if isinstance(app.screen, DifferenceScreen):
        return ""
    return keyed("the differences are not on show; {compare_with} compares with another file or model")


def no_memory(app: NNInspectApp) -> str:
    """ONNX Runtime plans its own use of memory."""
    return nothing_to_run(app) or _only_pytorch(app, "figures of memory are for PyTorch models; ONNX has none yet")


def no_ablation(app: NNInspectApp) -> str:
    """A graph runs in one piece."""
    return nothing_to_run(app) or _only_pytorch(
        app, "rows are switched off in PyTorch models; a graph runs in one piece"
    )


def no_export(app: NNInspectApp) -> str:
    """Only a PyTorch model is exported."""
    return nothing_to_run(app) or _only_pytorch(app, "this is an ONNX model already; s saves it with its changes")


def no_repair(app: NNInspectApp) -> str:
    """A checkpoint is mended for a model that it is to be loaded into."""
    return nothing_to_run(app) or _only_pytorch(app, "an ONNX model holds its own weights; open a PyTorch model")


def no_modes(app: NNInspectApp) -> str:
    """Only PyTorch's modules have modes."""
    return nothing_to_run(app) or _only_pytorch(app, "an ONNX model has no train and eval modes, only PyTorch's do")


def no_names(app: NNInspectApp) -> str:
    """A PyTorch model's names stand in its code."""
    if app.table is not None and app.table.model.framework == "onnx":
        return nothing_to_run(app)
    return "names of a PyTorch model stand in its code; only what is in an ONNX file is renamed"


def _only_pytorch(app: NNInspectApp, sentence: str) -> str:
    return "" if app.table is not None and app.table.model.framework == "torch" else sentence


def no_window(app: NNInspectApp) -> str:
    """What-if is about the settings of one convolution or pooling."""
    why_not = nothing_to_run(app) or _only_pytorch(app, "an ONNX graph's settings are fixed where it was exported")
    if why_not:
        return why_not
    axes = {line.axis for line in (app.row.formula or [])} if app.row is not None else set()
    return "" if axes & {"L", "H", "W", "D"} else "choose the row of a convolution or a pooling"


def no_other_input(app: NNInspectApp) -> str:
    """Only inputs that were tried are stepped through."""
    if nothing_to_run(app):
        return nothing_to_run(app)
    if app.table is not None and any(one.alternatives or one.sizes for one in app.table.inputs):
        return ""
    return keyed("no other input shape is known to work; press {input} to write one")


def no_fix(app: NNInspectApp) -> str:
    """A fix belongs to a finding, and to the model as it was when it was found."""
    if app.check is None or nothing_open_or_waiting(app):
        return nothing_open_or_waiting(app) or keyed("nothing has been checked yet; {check} checks")
    finding = app.side.finding
    if finding is None:
        return keyed("choose a finding in panel {panel_check}")
    if finding.edit is None and not finding.patch:
        return f"no single change mends this {finding.rule}; the panel says what does"
    if app.check_is_old:
        return keyed("the findings are from before the last change; {check} checks again")
    return ""


def nothing_changed(app: NNInspectApp) -> str:
    """There has to be a change, made or undone."""
    return nothing_open_or_waiting(app) if app.can_undo or app.can_redo else "there is no change yet"


def nothing_to_undo(app: NNInspectApp) -> str:
    """There has to be a change."""
    return nothing_open_or_waiting(app) if app.can_undo else "there is no change to take back"


def nothing_to_redo(app: NNInspectApp) -> str:
    """There has to be an undone change."""
    return nothing_open_or_waiting(app) if app.can_redo else "there is no undone change to make again"


def nothing_sought(app: NNInspectApp) -> str:
    """Matches are those of the last search."""
    return nothing_open(app) or (
        "" if app.search_bar.sought else keyed("nothing was searched for yet; press {search} to search")
    )


def _only_named(app: NNInspectApp, why: str) -> str:
    live = parse_target(app.recipe.target).kind == "live"
    return f"the model lives in your own program; {why}" if live else ""
