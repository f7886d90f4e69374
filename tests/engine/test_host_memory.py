"""The memory that is left, from files as Linux has them: those of containers too."""

from pathlib import Path

import pytest

from inspector.engine.devices import existing_devices
from inspector.engine.host_memory import host_memory

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path: Path):
    """A machine of 64 GiB, 40 of them free, with more files as given."""

    def make(files: dict[str, str]) -> Path:
        meminfo = "MemTotal: 67108864 kB\nMemFree: 1048576 kB\nMemAvailable: 41943040 kB\nHugePages_Total: 0\n"
        for name, text in {"proc/meminfo": meminfo, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


def test_without_a_limit_it_is_what_the_machine_can_give(machine) -> None:
    assert host_memory(machine({})) == (64 * GIB, 40 * GIB, False)


def test_a_group_of_the_second_version_limits_and_files_it_caches_are_given_back(machine) -> None:
    root = machine(
        {
            "proc/self/cgroup": "0::/job\n",
            "sys/fs/cgroup/job/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/job/memory.current": f"{5 * GIB}\n",
            "sys/fs/cgroup/job/memory.stat": f"anon 1\ninactive_file {2 * GIB}\n",
        }
    )
    assert host_memory(root) == (8 * GIB, 5 * GIB, True)


def test_a_group_further_up_limits_too(machine) -> None:
    root = machine(
        {
            "proc/self/cgroup": "0::/user/job\n",
            "sys/fs/cgroup/user/job/memory.max": "max\n",
            "sys/fs/cgroup/user/job/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/user/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/user/memory.current": f"{3 * GIB}\n",
        }
    )
    assert host_memory(root) == (4 * GIB, GIB, True)


@pytest.mark.parametrize("path", ["/", "/docker/0123", "/../../elsewhere"])
def test_in_a_container_the_group_is_at_the_top_whatever_its_path(machine, path: str) -> None:
    root = machine(
        {
            "proc/self/cgroup": f"5:cpu,cpuacct:/\n4:memory:{path}\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
        }
    )
    assert host_memory(root) == (2 * GIB, GIB, True)


def test_the_number_for_no_limit_of_the_first_version_is_none(machine) -> None:
    root = machine(
        {
            "proc/self/cgroup": "4:memory:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
        }
    )
    assert host_memory(root) == (64 * GIB, 40 * GIB, False)


def test_the_machine_may_have_less_left_than_the_group(machine) -> None:
    root = machine(
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{60 * GIB}\n",
            "sys/fs/cgroup/memory.current": "0\n",
        }
    )
    assert host_memory(root) == (60 * GIB, 40 * GIB, True)


def test_the_cpu_of_this_machine_has_memory() -> None:
    cpu = existing_devices()[0]
    assert cpu.name == "cpu"
    assert cpu.total_bytes is not None
    assert cpu.free_bytes is not None
    assert 0 < cpu.free_bytes <= cpu.total_bytes
