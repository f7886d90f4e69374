"""Two processes under torchrun as one worker: rank 0 answers, and what the ranks compute together does not hang."""

import asyncio
import shlex
import sys
from pathlib import Path

import pytest
import torch
from processes import is_running, until
from torch import nn

from inspector.core.errors import ModelEndedError, RequestCancelledError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.worker import protocol
from inspector.worker.process_client import ProcessClient

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not torch.distributed.is_available(), reason="no torch.distributed")]

MODELS = """
import os, time
import torch
import torch.distributed as dist
from torch import nn

if not dist.is_initialized():
    dist.init_process_group("gloo")
open(f"rank{dist.get_rank()}", "w").write(str(os.getpid()))


class Summed(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(dist.get_rank())
        self.share = nn.Linear(4, 3)

    def forward(self, x):
        if tuple(x.shape) == (37, 4) and dist.get_rank() == 1:
            time.sleep(1000)
        y = self.share(x)
        dist.all_reduce(y)
        return 2 * y


class Uneven(nn.Module):
    def __init__(self):
        super().__init__()
        self.share = nn.Linear(4, 3)

    def forward(self, x):
        y = self.share(x)
        if dist.get_rank() == 1:
            raise ValueError("an odd share")
        return y


def dying():
    if dist.get_rank() == 1:
        os._exit(9)
    return nn.Linear(4, 3)


def sharded():
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    return fully_shard(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), mesh=init_device_mesh("cpu", (2,)))


def replicated():
    torch.manual_seed(0)
    return nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
"""
ROOT = str(Path(__file__).resolve().parents[2])
X = InputSpec(file="x.pt")


@pytest.fixture
async def client(tmp_path, monkeypatch):
    (tmp_path / "spread.py").write_text(MODELS)
    torch.save(torch.arange(12.0).reshape(3, 4), tmp_path / "x.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    python = shlex.quote(sys.executable)
    client = ProcessClient(f"{python} -m torch.distributed.run --standalone --nproc-per-node 2 -m inspector.worker")
    client.lines = []
    client.listeners.append(lambda event: isinstance(event, protocol.Log) and client.lines.append(event.line))
    yield client
    await client.close()
    for rank in range(2):
        await until(lambda rank=rank: not is_running(int((tmp_path / f"rank{rank}").read_text())), f"rank {rank} ended")


async def forward(client, *inputs):
    return await client.request(protocol.Forward(settings=ForwardSettings(inputs=list(inputs))))


async def test_shares_of_two_ranks_are_summed_and_a_rank_that_hangs_is_cancelled(client, tmp_path):
    await client.start()
    await client.request(protocol.Open(recipe=Recipe(target="spread.py:Summed")))
    shares = []
    for rank in range(2):
        torch.manual_seed(rank)
        shares.append(nn.Linear(4, 3)(torch.load("x.pt")))
    expected = 2 * sum(shares)
    report = await forward(client, X)
    assert report.table.failure is None
    assert report.table.rows[0].type == "Summed"
    statistics = report.runs[0].statistics
    assert statistics.max == pytest.approx(expected.max().item(), rel=1e-6)
    assert statistics.mean == pytest.approx(expected.mean().item(), rel=1e-5)

    first = int((tmp_path / "rank1").read_text())
    running = asyncio.create_task(forward(client, InputSpec(shape=[37, 4])))
    await until(lambda: client._running is not None, "running")
    await client.cancel()
    with pytest.raises(RequestCancelledError):
        await running
    again = await forward(client, X)
    assert again.runs[0].statistics.max == statistics.max
    assert int((tmp_path / "rank1").read_text()) != first
    assert not is_running(first)


async def test_what_fails_on_another_rank_alone_is_a_failure(client):
    await client.start()
    await client.request(protocol.Open(recipe=Recipe(target="spread.py:Uneven")))
    report = await forward(client, X)
    assert report.table.failure.type == "ValueError"
    assert report.table.failure.message == "on rank 1, not on rank 0: an odd share"


async def test_a_rank_that_dies_ends_the_request(client):
    await client.start()
    with pytest.raises(ModelEndedError):
        await client.request(protocol.Open(recipe=Recipe(target="spread.py:dying")))


@pytest.mark.parametrize("name", ["sharded", "replicated"])
async def test_a_spread_model_gives_what_it_gives_in_one_process(client, tmp_path, name):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    expected = plain(torch.load("x.pt"))
    await client.start()
    await client.request(protocol.Open(recipe=Recipe(target=f"spread.py:{name}")))
    table = await client.request(protocol.Trace(inputs=[X]))
    assert table.outputs[0].shape == [3, 2]
    report = await forward(client, X)
    assert report.table.failure is None
    assert report.runs[0].statistics.max == pytest.approx(expected.max().item(), rel=1e-6)
    assert report.runs[0].statistics.min == pytest.approx(expected.min().item(), rel=1e-6)
    assert not [line for line in client.lines if line.startswith("rank ")], "the other rank did the same"
