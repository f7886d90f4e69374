"""Tables for the command line. Every string from a model goes in as `Text`, which is never parsed as markup."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from inspector.core import wording
from inspector.core.file_info import FileInfo
from inspector.core.gradient_flow import sum_sentences
from inspector.core.memory import MemoryReport
from inspector.core.named_globals import refused_first, sentence
from inspector.core.results import ForwardReport, KeyExplanation, RowRun, ValuesReport
from inspector.core.row_filters import FoundRows
from inspector.core.run_comparison import RunComparison
from inspector.core.table import Failure, ModelTable
from inspector.report.console import standard_output
from inspector.report.gradient_flow import print_flow
from inspector.report.grid import Grid
from inspector.report.memory_text import memory_lines
from inspector.report.placement import plan_lines
from inspector.report.run_comparison import print_compared, print_difference
from inspector.report.tree import print_tree, tree_cell

LISTED = 12
"""Names of a pickle, one to a line, before the rest is counted."""


def print_table(
    table: ModelTable,
    memory: MemoryReport | None = None,
    full: bool = False,
    console: Console | None = None,
    found: FoundRows | None = None,
) -> None:
    """`summary`: the head, the tree, the totals, and what there is to say. With `memory` two columns and its totals.

    Blocks that repeat are printed once, with the first and the last of their receptive fields, unless it is to be
    `full`; of a file its tensors are listed too. Of rows that were looked for, only those are printed. Without a
    `console` to standard output.
    """
    console = console or standard_output()
    _print_head(console, table)
    print_tree(console, table, memory, full, found)
    _print_totals(console, table)
    if table.file is not None:
        _print_parts(console, table.file)
        _print_refused(console, table.file)
    fields = [row.receptive_field for row in table.rows if row.receptive_field is not None]
    for misaligned in dict.fromkeys(field.misaligned for field in fields if field.misaligned):
        console.print(Text(wording.printable(misaligned)))
    for line in memory_lines(memory) if memory is not None else []:
        console.print(Text(line))
    _print_rest(console, table)


def print_forward(
    report: ForwardReport,
    values: Sequence[ValuesReport] = (),
    comparison: RunComparison | None = None,
    plot: bool = False,
    console: Console | None = None,
) -> None:
    """`forward`: what every row did, then the output, then the values asked for.

    With a `comparison` what it did in both passes; with `plot` the gradient flow as bars. Without a `console`
    to standard output.
    """
    console = console or standard_output()
    table = report.table
    _print_head(console, table)
    if comparison is None:
        _print_runs(console, report)
    else:
        print_compared(console, comparison)
    for output in report.outputs:
        console.print(Text(f"\n{output.name}  {wording.shape(output.shape)}  {output.dtype}"))
        console.print(Text(output.text))
    if report.seconds is not None:
        of_all = f", the median of {report.batches} batches" if report.batches > 1 else ""
        console.print(Text(f"\nforward took {wording.duration(report.seconds)}{of_all}, seed {report.seed}"))
    if sampled := wording.sampled(report.runs):
        console.print(Text(sampled, style="dim"))
    if report.timing is not None:
        console.print(Text(wording.timing(report.timing)))
    if report.optimised is not None:
        console.print(Text(wording.optimised_run(report.optimised)))
    for line in plan_lines(report.placement) if report.placement is not None else []:
        console.print(Text(line))
    if report.first_nonfinite is not None:
        first = report.first_nonfinite
        console.print(
            Text(f"first NaN or Inf: {first.path or 'the model itself'}, call {first.call}", style="bold red")
        )
    for gradient in report.gradients:
        if gradient.gradient_note:
            console.print(Text(f"no gradient for {gradient.key}: {gradient.gradient_note}"))
    for told in sum_sentences(report.gradients, table.tensors):
        console.print(Text(told))
    if plot:
        print_flow(console, report)
    if comparison is not None:
        print_difference(console, comparison)
    for one in values:
        _print_values(console, one)
    _print_rest(console, table)


def _print_runs(console: Console, report: ForwardReport) -> None:
    table = report.table
    backward = any(run.gradient_norm is not None for run in report.runs)
    columns = ["", "type", "output", "mean", "std", "min", "max", "zeros", "NaN", "Inf", "time"]
    of_backward = ["‖gradient‖", "kept"] if backward else []
    grid = Grid([*columns, *of_backward], right={*columns[3:], *of_backward})
    for row, run in zip(table.rows, report.runs, strict=True):
        type_ = "" if row.kind == "function" else wording.printable(row.type)
        cells = [
            tree_cell(row, row.depth),
            Text(type_),
            Text(wording.shapes(row.output_shapes) if row.output_shapes else ""),
        ]
        cells += _run_cells(run)
        if backward:
            cells.append(Text("" if run.gradient_norm is None else wording.number(run.gradient_norm)))
            cells.append(Text(wording.size_in_bytes(run.saved_bytes) if run.saved_bytes else ""))
        grid.add_row(*cells)
    grid.print_to(console)


def _print_values(console: Console, values: ValuesReport) -> None:
    name = f"{wording.printable(values.key)}{values.index}"
    console.print(Text(f"\n{name}  {wording.shape(values.shape)}  {values.dtype}", style="bold"))
    found = values.statistics
    facts = (("mean", found.mean), ("std", found.std), ("min", found.min), ("max", found.max))
    counts = (("NaN", found.nan), ("Inf", found.inf))
    told = [f"{label} {wording.number(value)}" for label, value in facts if value is not None]
    console.print(Text(", ".join([*told, *(f"{count} {label}" for label, count in counts if count)])))
    for row in values.rows:
        console.print(Text("  ".join("·" if value is None else wording.number(value) for value in row)))


def print_keys(keys: list[KeyExplanation]) -> None:
    """`keys`: each key, its expression, and a line for each of its parts."""
    console = standard_output()
    for key in keys:
        console.print(Text(wording.printable(key.key), style="bold"))
        console.print(Text(f"  {wording.printable(key.expression)}", style="cyan"))
        width = max((len(wording.printable(part.text)) for part in key.parts), default=0)
        for part in key.parts:
            text = f"  {wording.printable(part.text):<{width}}  {part.kind:<9}  {wording.printable(part.explanation)}"
            console.print(Text(text))
        console.print()


def _run_cells(run: RowRun) -> list[Text]:
    found = run.statistics
    if found is None:
        return [Text("")] * 7 + [Text("" if run.seconds is None else wording.duration(run.seconds))]
    cells = [
        Text("" if value is None else wording.number(value)) for value in (found.mean, found.std, found.min, found.max)
    ]
    cells.append(Text("" if found.zeros is None else wording.percent(found.zeros)))
    cells += [Text(str(count) if count else "", style="bold red") for count in (found.nan, found.inf)]
    return [*cells, Text("" if run.seconds is None else wording.duration(run.seconds))]


def _print_head(console: Console, table: ModelTable) -> None:
    model = table.model
    mode = "" if model.framework == "file" else ", train" if model.training else ", eval"
    head = f"{wording.printable(model.name)}  ({model.framework}{mode}, {', '.join(model.devices) or 'no device'})"
    console.print(Text(head, style="bold"))
    for one in table.inputs:
        console.print(Text(f"input {wording.model_input(one)}"))
        for line in wording.why_this_input(one):
            console.print(Text(f"  {line}", style="dim"))
    for output in table.outputs:
        if output.symbolic_shape:
            name = wording.printable(output.name)
            console.print(Text(f"output {name} {wording.symbolic_shape(output.symbolic_shape)}"))
    console.print()


def _print_totals(console: Console, table: ModelTable) -> None:
    totals = table.totals
    trainable = f"{wording.exact(totals.trainable_parameters)} trainable, " if table.knows_trainable else ""
    console.print(
        Text(
            f"\n{wording.exact(totals.parameters)} parameters ({trainable}"
            f"{wording.size_in_bytes(totals.parameter_bytes)}), {wording.exact(totals.buffers)} buffer elements "
            f"({wording.size_in_bytes(totals.buffer_bytes)}), {wording.things(totals.modules, 'module')}"
        )
    )
    if totals.flops is not None and totals.macs is not None:
        text = f"{wording.count(totals.flops)} floating-point operations, {wording.count(totals.macs)} multiply-adds"
        console.print(Text(text))


def _print_parts(console: Console, info: FileInfo) -> None:
    """What takes a file's bytes, where that is not one thing alone."""
    for share in wording.part_shares(info):
        console.print(Text(share))
    for what, sizes in (("by dtype", info.dtypes), ("by the device saved from", info.devices)):
        if len(sizes) > 1:
            told = ", ".join(f"{wording.printable(name)} {wording.size_in_bytes(size)}" for name, size in sizes.items())
            console.print(Text(f"{what}: {told}"))


def _print_refused(console: Console, file: FileInfo) -> None:
    """What a safe reader would not take, with what it is; what could do most first."""
    refused = refused_first(file.global_details)
    if not refused:
        return
    console.print(Text(f"\nThe pickle names {wording.things(len(refused), 'thing')} that weights_only refuses:"))
    for found in refused[:LISTED]:
        dangerous = found.severity == "dangerous"
        console.print(
            Text(f"  {'⚠' if dangerous else '·'} "),
            Text(wording.printable(found.name), style="bold red" if dangerous else "bold"),
            Text(wording.printable(sentence(found)), style="red" if dangerous else ""),
        )
    if len(refused) > LISTED:
        console.print(Text(f"  and {len(refused) - LISTED:,} more: --json has them all", style="dim"))


def _print_rest(console: Console, table: ModelTable) -> None:
    load = table.load
    if load is not None:
        covered = wording.percent(load.coverage)
        text = f"weights {table.model.weights}: {load.matched} keys matched, {covered} of the elements"
        console.print(Text(text))
        for rule in load.rules:
            console.print(
                Text(f"  rule {rule.kind}: {rule.from_!r} → {rule.to!r} in {wording.things(rule.tensors, 'key')}")
            )
        undone = {
            "missing in the file": load.missing,
            "not in the model": load.unexpected,
            "ambiguous, not loaded": load.ambiguous,
        }
        for what, keys in undone.items():
            if keys:
                more = f" and {len(keys) - 8} more" if len(keys) > 8 else ""
                listed = ", ".join(map(wording.printable, keys[:8]))
                console.print(Text(f"  {what}: {listed}{more}", style="yellow"))
        for wrong in load.mismatched:
            sizes = f"{wording.shape(wrong.file_shape)} in the file, {wording.shape(wrong.model_shape)} in the model"
            console.print(Text(f"  shape differs: {wording.printable(wrong.key)} is {sizes}", style="yellow"))
    if table.failure is not None:
        _print_failure(console, table.failure)
    for note in table.notes:
        console.print(Text(f"note: {wording.printable(note.message)}", style="dim"))


def _print_failure(console: Console, failure: Failure) -> None:
    where = wording.printable(failure.path) or "the model itself"
    console.print(
        Text(f"\nforward fails in {where}: {failure.type}: {wording.printable(failure.message)}", style="bold red")
    )
    if failure.source is not None:
        source = failure.source
        console.print(Text(f"  {wording.source_place(source)}: {wording.printable(source.text)}"))
        if failure.expression and failure.expression != source.text:
            console.print(Text(f"  in {wording.printable(' '.join(failure.expression.split()))}"))
    for operand in failure.operands:
        text = (
            f"  {wording.printable(operand.text)}: {wording.shape(operand.shape)} {operand.dtype} on {operand.device}"
        )
        console.print(Text(text))
    if failure.explanation:
        console.print(Text(f"  why: {wording.printable(failure.explanation)}", style="bold"))
    for suggestion in failure.suggestions:
        console.print(Text(f"  → {wording.printable(suggestion)}"))
