"""By which names the parts of a checkpoint are told: averages of the weights, and what optimizers keep."""

import re
from collections.abc import Collection
from functools import lru_cache

AVERAGES = ("ema", "swa", "teacher", "shadow", "averaged")
"""Words for copies of a model's weights."""
ABBREVIATIONS = frozenset({"ema", "swa"})
"""Those of them that are written in capitals."""
PLAIN_SLOTS = frozenset({
    "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "mu_product", "momentum_buffer", "square_avg", "grad_avg",
    "acc_delta", "exp_avg_sq_row", "exp_avg_sq_col", "row_var", "col_var",
})  # fmt: skip
"""Names that only an optimizer gives to what it keeps for a parameter."""
_NOT_TOLD_BY = {"step"}
_OPTIMIZERS: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = (
    ("Adam state", frozenset({"exp_avg", "exp_avg_sq"}), frozenset({"max_exp_avg_sq"})),
    ("NAdam state", frozenset({"exp_avg", "exp_avg_sq", "mu_product"}), frozenset()),
    ("Adamax state", frozenset({"exp_avg", "exp_inf"}), frozenset()),
    ("SGD momentum", frozenset({"momentum_buffer"}), frozenset()),
    ("RMSprop state", frozenset({"square_avg"}), frozenset({"momentum_buffer", "grad_avg"})),
    ("Adadelta state", frozenset({"square_avg", "acc_delta"}), frozenset()),
    ("Adagrad state", frozenset({"sum"}), frozenset()),
    ("Rprop state", frozenset({"prev", "step_size"}), frozenset()),
    ("ASGD state", frozenset({"ax", "eta", "mu"}), frozenset()),
    ("Adafactor state", frozenset({"row_var", "col_var"}), frozenset({"variance"})),
    ("Adafactor state", frozenset({"exp_avg_sq_row", "exp_avg_sq_col"}), frozenset({"exp_avg", "exp_avg_sq", "RMS"})),
)
"""What each keeps for a parameter, and what with some settings only: `torch.optim`'s, and transformers' Adafactor."""


def optimizer_name(slots: Collection[str]) -> str:
    """What an optimizer's state is called that has these and no other names; "optimizer state" where none is known."""
    told = {*slots} - _NOT_TOLD_BY
    for name, always, sometimes in _OPTIMIZERS:
        if always <= told <= always | sometimes:
            return name
    return "optimizer state"


@lru_cache(maxsize=4096)
def average_word(part: str) -> str | None:
    """The word in a part of a key that says that what is below it is a copy: "ema" of "model_ema"."""
    return next((word for word in re.split(r"[^a-z]+", part.lower()) if word in AVERAGES), None)
