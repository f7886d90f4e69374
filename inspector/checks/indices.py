"""Indices beyond the tables they point into, tables that are too short, and padding that is not zero."""

from collections.abc import Iterator

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.findings import Finding
from inspector.core.wording import number

INDEX_RANGE = rule(
    "NN901",
    "index-range",
    "Indices beyond the table that they point into, tables of positions shorter than the sequence, padding rows that "
    "are not zero.",
    "Passes with the inputs that the source declares, and with every index at the largest and the smallest value that "
    "fits the first table: an index error is an error. Any norm of a padding row but 0 is a warning.",
    "torch.nn.Embedding: the row at padding_idx starts at zero and gets no gradient, but init.normal_ overwrites it.",
)


@looks_at_module(INDEX_RANGE)
def index_range(evidence: Evidence) -> Iterator[Finding]:
    """The rows for padding first, then the passes."""
    from inspector.engine.pytorch.experiments.index_range import out_of_range, padding_rows

    for row in evidence.of(padding_rows):
        yield finding(
            INDEX_RANGE,
            "warning",
            f"{row.path}.weight".lstrip("."),
            f"row {row.row} of {row.path or 'the table'} stands for padding and is not zero; no gradient changes it",
            f"its norm is {number(row.norm)}, that of other rows {number(row.others)} on average",
            "after initialising: with torch.no_grad(): weight[padding_idx].zero_()",
            "where padding has a vector of its own on purpose",
        )
    for one in evidence.of(out_of_range):
        table = one.table or "a table"
        if one.low is None:
            message = f"{table} is made for {one.rows} positions, and a sequence has {(one.high or 0) + 1}"
            fix = "make the table as long as the longest sequence, or cut the sequence"
        else:
            beyond = one.high if one.rows is not None and (one.high or 0) >= one.rows else one.low
            message = f"index {beyond} is beyond {table}, which has {one.rows} rows"
            fix = "make num_embeddings as large as the largest index and one more, or keep the index below it"
        yield finding(
            INDEX_RANGE,
            "error",
            one.path,
            message,
            f"with inputs {one.given}: {one.message}"
            + (f"; indices from {one.low} to {one.high}" if one.low is not None else ""),
            fix,
            "inputs that never have these values or lengths",
            one.source,
        )
