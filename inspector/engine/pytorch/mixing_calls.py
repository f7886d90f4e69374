"""How calls that mix the positions of a dimension are read: products, reductions, norms, attention, recurrence."""

from typing import Any

import torch

from inspector.core.fields import Shape
from inspector.engine.pytorch.nested import tensors_in
from inspector.engine.pytorch.op_calls import Arguments, Reading, dims_of, rank_of, reads

_REDUCING = """
sum mean prod amax amin std var logsumexp median mode any all argmax argmin std_mean var_mean nansum nanmean
count_nonzero max min nanmedian aminmax
"""


@reads("linear", "input weight bias=None")
def _linear(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("linear", [a["input"]], {"linear": True}, [a["weight"], a["bias"]])


@reads("bilinear", "input1 input2 weight bias=None")
def _bilinear(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("linear", [a["input1"], a["input2"]], weights=[a["weight"], a["bias"]])


@reads("matmul mm bmm mv dot inner", "input other")
def _matmul(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("matmul", [a["input"], a["other"]])


@reads("rmatmul", "input other")
def _reversed_matmul(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("matmul", [a["other"], a["input"]])


@reads("addmm addmv baddbmm", "input first second")
def _matmul_with_sum(a: Arguments, outputs: list[Shape]) -> Reading:
    first = a["first"] if a["first"] is not None else a["kwargs"]["mat1"]
    second = a["second"] if a["second"] is not None else a["kwargs"]["mat2"]
    return Reading("matmul", [first, second], weights=[a["input"]])


@reads("einsum", "equation *operands")
def _einsum(a: Arguments, outputs: list[Shape]) -> Reading:
    operands = list(tensors_in(a["operands"]))
    equation = str(a["equation"]).replace(" ", "")
    left, arrow, output = equation.partition("->")
    if "." in equation:
        return Reading("einsum with an ellipsis", operands)
    if not arrow:
        letters = sorted(set(left) - {","})
        output = "".join(letter for letter in letters if left.count(letter) == 1)
    return Reading("einsum", operands, {"operands": left.split(","), "output": output})


@reads(_REDUCING, "input dim=None")
def _reduce(a: Arguments, outputs: list[Shape]) -> Reading:
    if isinstance(a["dim"], torch.Tensor) or isinstance(a["kwargs"].get("other"), torch.Tensor):
        return Reading("elementwise", [a["input"], *tensors_in(a["dim"]), *tensors_in(a["kwargs"].get("other"))])
    dim = a["kwargs"].get("axis") if a["dim"] is None else a["dim"]
    # In ``x.std(False)`` it is the correction that is given.
    return _reduction(a["input"], None if isinstance(dim, bool) else dim, outputs)


@reads("fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft", "input n=None dim=-1")
def _fourier_transform(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("reduce", [a["input"]], {"dims": dims_of(a["dim"]), "keepdim": True})


@reads("fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2", "input s=None dim=None")
def _fourier_transform_of_planes(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("reduce", [a["input"]], {"dims": dims_of(a["dim"]) or [-2, -1], "keepdim": True})


@reads("fft_fftn fft_ifftn fft_rfftn fft_irfftn", "input s=None dim=None")
def _fourier_transform_of_all(a: Arguments, outputs: list[Shape]) -> Reading:
    sizes = a["s"]
    last = list(range(-len(sizes), 0)) if sizes is not None else []
    return Reading("reduce", [a["input"]], {"dims": dims_of(a["dim"]) or last, "keepdim": True})


@reads("norm vector_norm linalg_vector_norm linalg_norm", "input p=None dim=None")
def _norm(a: Arguments, outputs: list[Shape]) -> Reading:
    return _reduction(a["input"], a["dim"], outputs)


@reads("topk kthvalue quantile", "input k dim=None")
def _topk(a: Arguments, outputs: list[Shape]) -> Reading:
    return _reduction(a["input"], -1 if a["dim"] is None else a["dim"], outputs)


def _reduction(tensor: torch.Tensor, dim: Any, outputs: list[Shape]) -> Reading:
    keepdim = bool(outputs) and len(outputs[0]) == rank_of(tensor)
    return Reading("reduce", [tensor], {"dims": dims_of(dim), "keepdim": keepdim})


@reads("cumsum cumprod cummax cummin logcumsumexp", "input dim")
def _cumulative(a: Arguments, outputs: list[Shape]) -> Reading:
    dim = a["kwargs"]["axis"] if a["dim"] is None else a["dim"]
    return Reading("cumulative" if outputs[0] else "elementwise", [a["input"]], {"dims": [int(dim)]})


@reads("softmax log_softmax softmin sort argsort", "input dim=None")
def _along_dim(a: Arguments, outputs: list[Shape]) -> Reading:
    rank = rank_of(a["input"])
    dim = a["dim"]
    if not isinstance(dim, int) or isinstance(dim, bool):
        dim = a["kwargs"].get("axis", -1)
    if rank == 0:
        return Reading("elementwise", [a["input"]])
    return Reading("normalise", [a["input"]], {"dims": [dim]})


@reads("gumbel_softmax", "input tau=1 hard=False eps=0 dim=-1")
def _gumbel(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("normalise", [a["input"]], {"dims": [int(a["dim"])]})


@reads("normalize", "input p=2 dim=1")
def _normalize(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("normalise", [a["input"]], {"dims": dims_of(a["dim"])})


@reads("batch_norm", "input running_mean=None running_var=None weight=None bias=None training=False")
def _batch_norm(a: Arguments, outputs: list[Shape]) -> Reading:
    measured = bool(a["training"]) or a["running_mean"] is None
    dims = [dim for dim in range(rank_of(a["input"])) if dim != 1]
    return Reading("normalise", [a["input"]], {"dims": dims if measured else []})


@reads("instance_norm", "input running_mean=None running_var=None weight=None bias=None use_input_stats=True")
def _instance_norm(a: Arguments, outputs: list[Shape]) -> Reading:
    dims = list(range(2, rank_of(a["input"])))
    return Reading("normalise", [a["input"]], {"dims": dims if a["use_input_stats"] else []})


@reads("group_norm", "input num_groups")
def _group_norm(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("normalise", [a["input"]], {"dims": list(range(1, rank_of(a["input"])))})


@reads("layer_norm rms_norm", "input normalized_shape")
def _layer_norm(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("normalise", [a["input"]], {"dims": [-1 - place for place in range(len(a["normalized_shape"]))]})


@reads("embedding", "input weight")
def _embedding(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("embedding", [a["input"]], weights=[a["weight"]])


@reads("one_hot", "input num_classes=-1")
def _one_hot(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("embedding", [a["input"]])


@reads("embedding_bag", "input weight")
def _embedding_bag(a: Arguments, outputs: list[Shape]) -> Reading:
    if rank_of(a["input"]) != 2:
        return Reading("embedding_bag with offsets", [a["input"]])
    return Reading("linear", [a["input"]], weights=[a["weight"]])


@reads("scaled_dot_product_attention", "query key value")
def _scaled_dot_product_attention(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("attention", [a["query"], a["key"], a["value"]], {"sequence_dim": -2})


@reads("multi_head_attention_forward", "query key value")
def _multi_head_attention(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("attention", [a["query"], a["key"], a["value"]], {"sequence_dim": 0})


@reads("lstm gru rnn_tanh rnn_relu", "input second third fourth *rest")
def _recurrent(a: Arguments, outputs: list[Shape]) -> Reading:
    if not isinstance(a["fourth"], bool):
        return Reading("recurrent layer on a packed sequence", [a["input"]])
    batch_first = bool(a["rest"][4])
    return Reading("rnn", [a["input"], *tensors_in(a["second"])], {"dim": 1 if batch_first else 0})


@reads("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", "input state")
def _recurrent_cell(a: Arguments, outputs: list[Shape]) -> Reading:
    return Reading("linear", [a["input"], *tensors_in(a["state"])])
