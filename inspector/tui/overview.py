"""The first panel: everything known about one row, or about the whole model at its root."""

from pathlib import Path

from inspector.core import wording
from inspector.core.loads import Load
from inspector.core.memory import MemoryReport
from inspector.core.placement import PlacementPlan
from inspector.core.row_facts import failed_row, has_parts_that_ran
from inspector.core.table import Failure, Fix, FormulaLine, ModelTable, Row, Source
from inspector.tui.file_page import file_facts
from inspector.tui.keys_here import keyed, with_keys
from inspector.tui.memory_page import model_memory, row_memory
from inspector.tui.page import CODE, ERROR, GOOD, LABELLED, MUTED, WARNING, Page
from inspector.tui.placement_page import crossing, model_placement, row_placement
from inspector.tui.share_bars import parameter_and_operation_shares

LISTED = 12
"""Keys named one by one before the rest is counted."""
TO_FAILURE = "{step_to_failure} steps to the failure: the variables of every function that was running"
_RENAMINGS = ("container", "drop_wrapper", "add_wrapper", "prefix", "renamed", "index_shift")
"""Kinds of rules that a key's two names show."""


def overview(
    table: ModelTable,
    row: Row,
    failed: bool,
    memory: MemoryReport | None = None,
    repetition: str = "",
    plan: PlacementPlan | None = None,
) -> Page:
    """What is known about a row; `failed` where the model's failure belongs to it."""
    page = Page()
    what = row.kind if row.name in ("", row.type) else row.type
    page.line((row.name or row.type, "bold"), ("  ", ""), (what, MUTED))
    if row.path and row.path != row.name:
        page.line((row.path, MUTED))
    if row.hyperparameters:
        page.line((row.hyperparameters, ""))
    if repetition:
        page.fact("repeated", repetition, WARNING if repetition.startswith("unlike") else "")
    if failed and table.failure:
        failure(page, table.failure)
        if table.model.framework == "torch":
            page.line()
            page.line((keyed(TO_FAILURE), MUTED))
    if plan is not None and row.parent is None:
        model_placement(page, plan)
    if memory is not None and row.parent is None:
        # First, since it was asked for.
        model_memory(page, memory, table)
    _shapes(page, table, row, failed)
    _tensors(page, row, table.model.framework)
    if plan is not None and row.parent is not None:
        row_placement(page, plan.rows[row.index])
    if table.load is not None and row.parent is not None and row.kind == "module":
        _loaded(page, table.load, row.path)
    if memory is not None and row.parent is not None:
        row_memory(page, memory, row)
    if row.source and not (failed and table.failure and table.failure.source):
        page.heading("Called at")
        source(page, row.source)
    if row.shared_with:
        page.heading("The same module or tensors also at")
        page.bullets(row.shared_with[:LISTED])
        _more(page, row.shared_with)
    if row.parent is None:
        _model(page, table)
    notes = [with_keys(note.message) for note in table.notes if note.path == row.path and row.kind != "function"]
    if notes:
        page.heading("Notes")
        page.bullets(notes)
    parameter_and_operation_shares(page, table, row)
    return page


def _shapes(page: Page, table: ModelTable, row: Row, failed: bool) -> None:
    page.line()
    if row.input_shapes:
        page.fact("input", wording.shapes(row.input_shapes))
    if row.output_shapes:
        page.fact("output", f"{wording.shapes(row.output_shapes)}  {row.dtype or ''}".rstrip(), "bold")
        if row.symbolic_shapes:
            page.fact("", ", ".join(map(wording.symbolic_shape, row.symbolic_shapes)))
        if row.output_bytes:
            page.fact("", f"{wording.size_in_bytes(row.output_bytes)}{_newly_taken(row)}", MUTED)
    elif not row.reached and table.model.framework != "file" and any(one.reached for one in table.rows):
        page.fact("output", *_why_no_output(table, row, failed))
    formula(page, row.formula or [])
    if row.receptive_field is not None:
        page.fact("sees", wording.receptive_field_sentence(row.receptive_field))
    if row.local_field is not None:
        local = row.local_field
        steps = "×".join(map(str, local.stride))
        page.fact("sees", f"{wording.local_field(local, row.path)}, in steps of {steps}")
    if row.flops is not None:
        page.fact("operations", f"{wording.count(row.flops)} floating-point operations")


def _why_no_output(table: ModelTable, row: Row, failed: bool) -> tuple[str, str]:
    if failed:
        return "none: the pass failed here", WARNING
    at = failed_row(table)
    if at is not None and row.index < at < row.index + row.subtree:
        return "none: the pass failed inside it", WARNING
    if has_parts_that_ran(table, row):
        return "none of its own: its parts ran", MUTED
    if at is not None and row.index > at:
        return "none: the pass failed before it", WARNING
    return "none: it was never called", WARNING


def _newly_taken(row: Row) -> str:
    """What a row takes for outputs where that is not what its own take: of all below it, or none for a view."""
    made = row.activation_bytes
    if made is None or made == row.output_bytes:
        return ""
    return f", {wording.size_in_bytes(made)} with all below it" if made else ", in memory that was there before"


def formula(page: Page, lines: list[FormulaLine]) -> None:
    """A layer's output size worked through; axes that are alike share a line, what it hides stands below."""
    alike: dict[str, list[FormulaLine]] = {}
    for line in lines:
        alike.setdefault(line.text, []).append(line)
    for number, (text, same) in enumerate(alike.items()):
        page.fact("formula" if not number else "", f"{', '.join(line.axis for line in same)}: {text}", CODE)
        for note in dict.fromkeys(note for line in same for note in line.notes):
            page.fact("", f"· {note}", MUTED)


def _tensors(page: Page, row: Row, framework: str) -> None:
    if row.kind == "function":
        return
    if row.lazy:
        page.fact("lazy", "no pass has given its parameters a shape yet", WARNING)
    if row.parameters:
        own = "" if row.own_parameters in (0, row.parameters) else f", {wording.exact(row.own_parameters)} of its own"
        page.fact("parameters", f"{wording.exact(row.parameters)}{own}")
        if framework == "torch" and row.trainable_parameters < row.parameters:
            page.fact("", f"{wording.exact(row.trainable_parameters)} of them trainable", WARNING)
    if row.buffers:
        page.fact("buffers", wording.exact(row.buffers))
    if framework == "torch":
        page.fact("mode", "train" if row.training else "eval")
    if row.device:
        page.fact("device", row.device)
    if row.crossing_bytes:
        crossing(page, row.crossing_bytes, row.crossing_from)


def _model(page: Page, table: ModelTable) -> None:
    totals = table.totals
    page.heading("Model", table.model.framework)
    page.fact("from", table.model.target)
    page.fact("modules", wording.exact(totals.modules))
    page.fact("memory", f"{wording.size_in_bytes(totals.parameter_bytes)} of parameters")
    if totals.buffer_bytes:
        page.fact("", f"{wording.size_in_bytes(totals.buffer_bytes)} of buffers")
    if totals.activation_bytes is not None:
        page.fact("", f"{wording.size_in_bytes(totals.activation_bytes)} of outputs in one pass, were all kept")
    if table.model.framework == "torch":
        page.fact("", keyed("{memory} works out what inference and training take"), MUTED)
    if totals.macs is not None:
        page.fact("operations", f"{wording.count(totals.macs)} multiply-adds in one pass")
    for one in table.inputs:
        origin = {"given": "as given", "inferred": "worked out", "declared": "declared"}[one.origin]
        page.fact("input", f"{wording.model_input(one)}  ({origin})")
        for line in wording.why_this_input(one):
            page.fact("", line, MUTED)
        if one.alternatives:
            keys = keyed("{previous_input} and {next_input} step through")
            page.fact("", f"{keys} {', '.join(map(wording.shape, one.alternatives[:6]))}", MUTED)
    for output in table.outputs:
        page.fact("output", f"{output.name} {wording.shape(output.shape)} {output.dtype}".lstrip())
        if output.symbolic_shape:
            page.fact("", wording.symbolic_shape(output.symbolic_shape), MUTED)
    if table.load:
        _load(page, table.load, table.model.weights or "")
    if table.file:
        file_facts(page, table.file)


def _loaded(page: Page, load: Load, path: str) -> None:
    """What the file of weights did for one module."""

    def below(keys: list[str]) -> list[str]:
        return [key.removeprefix(f"{path}.") for key in keys if key.startswith(f"{path}.")]

    shapes = {one.key: f"{wording.shape(one.file_shape)} in the file" for one in load.mismatched}
    undone = {
        "not in the file": below(load.missing),
        "other shape": [f"{key}: {shapes[f'{path}.{key}']}" for key in below(list(shapes))],
        "only there": below(load.unexpected),
        "not loaded, a guess": below(load.ambiguous),
    }
    for label, keys in undone.items():
        if keys:
            more = f" and {len(keys) - LISTED:,} more" if len(keys) > LISTED else ""
            page.fact("weights", f"{label}: {', '.join(keys[:LISTED])}{more}", WARNING)
    by_rule = below(list(load.sources))
    for number, key in enumerate(by_rule[:LISTED]):
        page.fact("" if number else "from file", f"{key} ← {_from_file(load, f'{path}.{key}')}")
    if len(by_rule) > LISTED:
        page.fact("", f"and {len(by_rule) - LISTED:,} more", MUTED)


def _from_file(load: Load, key: str) -> str:
    """The keys of the file that filled one of the model, and what was done to their values."""
    how = [rule.kind.replace("_", " ") for rule in load.rules if rule.kind not in _RENAMINGS and key in rule.keys]
    return " + ".join(load.sources[key]) + (f" ({', '.join(how)})" if how else "")


def _load(page: Page, load: Load, weights: str) -> None:
    page.heading("Weights", weights)
    page.fact(
        "matched",
        f"{wording.things(load.matched, 'tensor')}, {wording.percent(load.coverage)} of the model's elements",
        GOOD if load.fits else WARNING,
    )
    for rule in load.rules:
        page.fact("rule", f"{rule.kind}: {rule.from_!r} → {rule.to!r}, {wording.things(rule.tensors, 'tensor')}")
    mismatched = [
        f"{m.key}: file {wording.shape(m.file_shape)}, model {wording.shape(m.model_shape)}" for m in load.mismatched
    ]
    undone = {
        "missing": load.missing,
        "unexpected": load.unexpected,
        "mismatched": mismatched,
        "ambiguous": load.ambiguous,
    }
    for title, keys in undone.items():
        if keys:
            page.fact(title, wording.things(len(keys), "key"), WARNING)
            page.bullets(keys[:LISTED])
            _more(page, keys)


def failure(page: Page, failed: Failure) -> None:
    """Where a pass failed and why: the user's line, the explanation, what to try, the operands, torch's own words."""
    page.heading(f"Failed: {failed.type}")
    if not failed.explanation:
        page.paragraph(failed.message, ERROR)
    if failed.source:
        source(page, failed.source)
        expression = " ".join(failed.expression.split())
        if expression and expression != failed.source.text:
            page.line(("  in ", MUTED), (expression, ERROR), hang=5)
    if failed.explanation:
        page.line()
        page.paragraph(failed.explanation)
    if failed.suggestions:
        page.heading("What to try")
        for fix in failed.fixes:
            _fix(page, fix)
        page.bullets(map(with_keys, failed.suggestions[len(failed.fixes) :]))
    if failed.explanation:
        page.heading("The message")
        page.paragraph(failed.message, ERROR)
    if failed.input_shapes or failed.operands:
        page.line()
    if failed.input_shapes:
        page.fact("inputs", wording.shapes(failed.input_shapes))
    width = max((len(operand.text) for operand in failed.operands), default=0)
    for operand in failed.operands:
        what = f"{wording.shape(operand.shape)}  {operand.dtype} {operand.device}"
        page.line((f"{operand.text:<{min(width, 30)}}  ", LABELLED), what)


def _fix(page: Page, fix: Fix) -> None:
    """What to do, and the lines of the source as they are to read."""
    if not fix.edits:
        page.bullets([with_keys(fix.text)])
        return
    page.bullets([fix.text.split(" — ")[0]])
    for edit in fix.edits:
        page.line((f"  {Path(edit.file).name}:{edit.line}", MUTED))
        before = edit.before.splitlines()
        for text in edit.after.splitlines():
            if text not in before:
                page.line(("  ", ""), (text.strip(), CODE), hang=4)
    if fix.statement:
        page.line(("  ", ""), (fix.statement, CODE), hang=4)


def source(page: Page, at: Source) -> None:
    """A line of the user's source with its place."""
    page.line((wording.source_place(at), MUTED))
    page.line((f"  {at.text.strip()}", CODE))


def _more(page: Page, everything: list[str]) -> None:
    if len(everything) > LISTED:
        page.line((f"  … and {len(everything) - LISTED} more", MUTED))
