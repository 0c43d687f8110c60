"""The choice of devices. Fake GPUs are names in CUDA_VISIBLE_DEVICES: locks need no more."""

import itertools
import os
import platform
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
import torch
from filelock import FileLock, Timeout

from nst.errors import NstError
from nst.io import waiting
from nst.kernels import available
from nst.machine import cpu, gpus, private, runtime

HOLD = """
import os, sys, time
from nst.machine import gpus
with gpus.exclusive_gpu("auto", poll=0.02) as gpu:
    assert "torch" not in sys.modules
    print(gpu, os.environ["CUDA_VISIBLE_DEVICES"], time.time(), flush=True)
    time.sleep(0.4)
    print(time.time(), flush=True)
"""


def test_each_process_gets_a_gpu_of_its_own_and_the_rest_wait(tmp_path):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", HOLD]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    held = []
    for process in processes:
        out = process.communicate(timeout=120)[0].split()
        assert out[0] == out[1]
        held.append((out[0], float(out[2]), float(out[3])))
    assert {gpu for gpu, _, _ in held} == {"GPU-a", "GPU-b"}
    for gpu in ("GPU-a", "GPU-b"):
        spans = sorted((start, end) for name, start, end in held if name == gpu)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_waiting_for_a_gpu_is_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setattr(waiting, "SILENCE", 0.05)
    caplog.set_level("INFO")
    lock = FileLock(private.private_folder() / "gpu-GPU-a.lock", thread_local=False)
    with lock:
        release = threading.Timer(0.5, lock.release, kwargs={"force": True})
        release.start()
        with gpus.exclusive_gpu("auto", poll=0.02) as gpu:
            assert gpu == "GPU-a"
    assert caplog.messages == ["waiting for a GPU: other nst processes use GPU-a"]
    monkeypatch.setattr(waiting, "SILENCE", 60)  # on a busy machine even a free GPU may take 0.05 s
    with gpus.exclusive_gpu("auto"):
        time.sleep(0.2)
    assert len(caplog.messages) == 1


@pytest.fixture
def one_gpu(tmp_path, monkeypatch):
    """A fake GPU; counts the calls that free its memory."""
    freed = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setattr(gpus, "_free_memory", lambda: freed.append("GPU-a"))
    return freed


def test_a_gpu_is_left_free_and_empty_whatever_happens(one_gpu):
    """Also where the context raises a Timeout of another lock."""
    with pytest.raises(Timeout), gpus.exclusive_gpu("auto"):
        raise Timeout("another lock")
    assert one_gpu == ["GPU-a"]
    with gpus.exclusive_gpu("auto", poll=0.02) as gpu:
        assert gpu == "GPU-a"


def test_own_gpu_holds_a_gpu_until_its_context_ends(one_gpu):
    with gpus.own_gpu("GPU-a", patience=0):
        assert gpus._held_gpu == "GPU-a"
    assert not gpus._held_gpu
    with pytest.raises(ZeroDivisionError), gpus.own_gpu("GPU-a", patience=0):
        raise ZeroDivisionError
    assert not gpus._held_gpu


def test_no_folder_for_locks_is_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(NstError, match=r"cannot create a folder for locks \(.*; set TMPDIR to a folder of your own"):
        private.private_folder()


def test_no_gpu_no_lock(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with gpus.exclusive_gpu("auto") as gpu:
        assert gpu is None
    with gpus.exclusive_gpu("cpu") as gpu:
        assert gpu is None
    with pytest.raises(NstError, match="no NVIDIA GPU is visible"), gpus.exclusive_gpu("cuda"):
        pass


def test_a_lock_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = private.private_folder()
    assert folder.stat().st_mode & 0o077 == 0
    other = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    theirs = tmp_path / f"nst-{other}"
    theirs.mkdir(mode=0o700)
    with pytest.raises(NstError, match="open to other users"):
        private.private_folder()
    theirs.rmdir()
    theirs.symlink_to(folder)
    with pytest.raises(NstError, match="open to other users"):
        private.private_folder()


def test_a_lock_folder_that_others_may_enter_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    private.private_folder().chmod(0o755)
    with pytest.raises(NstError, match="open to other users"):
        private.private_folder()


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """A program of this name for two GPUs, which ends with status 9 where the file `broken` exists; notes its calls."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncd {tmp_path}\necho "$@" >> calls\necho GPU-a\necho GPU-b\ntest ! -e broken || exit 9\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-a", "GPU-b"]),
        ("1,0", ["GPU-b", "GPU-a"]),
        ("1", ["GPU-b"]),
        ("0, 2", ["GPU-a", "2"]),
        ("GPU-c,1", ["GPU-c", "GPU-b"]),
    ],
)
def test_an_index_of_a_gpu_is_replaced_by_its_uuid(nvidia_smi, monkeypatch, visible, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.available() == expected
    assert gpus.available() == expected
    assert (nvidia_smi / "calls").read_text() == "--query-gpu=uuid --format=csv,noheader\n"  # then from the cache


def test_only_auto_and_cuda_use_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    assert gpus.for_device("auto") == gpus.for_device("cuda") == ["GPU-a"]
    assert gpus.for_device("cpu") == gpus.for_device("mps") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.for_device("auto") == []


def test_where_nvidia_smi_fails_there_is_no_gpu_and_it_is_asked_again(nvidia_smi):
    (nvidia_smi / "broken").touch()
    assert gpus.listed() == []
    (nvidia_smi / "broken").unlink()
    assert gpus.listed() == ["GPU-a", "GPU-b"]


def test_the_list_of_gpus_is_not_cached_for_long(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpus, "LIST_SECONDS", 0)
    assert gpus.listed() == gpus.listed() == ["GPU-a", "GPU-b"]
    assert len((nvidia_smi / "calls").read_text().splitlines()) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_device_is_an_error():
    with pytest.raises(NstError, match="torch finds none"):
        runtime.torch_device("cuda")
    assert runtime.torch_device("auto").type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use the GPU")
def test_a_gpu_that_torch_cannot_use_is_an_error(monkeypatch):
    monkeypatch.setattr(gpus, "listed", lambda: ["GPU-a"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(NstError, match="torch cannot use this machine's NVIDIA GPU"):
        runtime.torch_device("auto")
    assert runtime.torch_device("cpu").type == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert runtime.torch_device("auto").type == "cpu"


def test_precision_follows_the_hardware_or_the_setting():
    cpu = torch.device("cpu")
    assert runtime.compute_type("fp32", cpu) == torch.float32
    assert runtime.compute_type("bf16", cpu) == torch.bfloat16
    expected = torch.bfloat16 if runtime.has_bf16_units(cpu) else torch.float32
    assert runtime.compute_type("auto", cpu) == expected
    assert runtime.name(cpu)
    assert runtime.peak_memory(cpu)["peak_memory_mb"] > 50


def test_importing_nst_is_quick_and_light():
    script = "import sys, nst; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pandas", "PIL", "pydantic"} & set(out)


@pytest.mark.parametrize("choice", [runtime.exact_convolutions, partial(runtime.tf32_products, torch.device("cuda"))])
def test_a_choice_of_arithmetic_ends_with_its_context(choice):
    def chosen():
        library = torch.backends.cudnn
        quick = torch.backends.cuda.matmul.fp32_precision
        return library.benchmark, library.deterministic, library.allow_tf32, quick

    def fail():
        with choice():
            assert chosen() != before
            raise NstError("in between")

    before = chosen()
    with pytest.raises(NstError):
        fail()
    assert chosen() == before


def test_where_kernels_cannot_be_built_torchs_operations_are_used_and_it_is_logged(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no C compiler\nhere")))
    available._kernels.cache_clear()
    assert available.kernels_for(torch.device("cuda")) is None
    assert available.kernels_for(torch.device("cuda")) is None
    assert [record.getMessage() for record in caplog.records] == [
        "the Triton kernels cannot be built (no C compiler); continuing without them, which is slower"
    ]
    available._kernels.cache_clear()


def test_gpus_without_16_bit_units_take_torchs_operations(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    available._kernels.cache_clear()
    assert available.kernels_for(torch.device("cuda")) is None
    available._kernels.cache_clear()


def test_setting_up_chooses_deterministic_algorithms_and_imports_no_compiler():
    code = (
        "import sys, torch\nfrom nst.machine import runtime\nruntime.set_up(torch.device('cpu'))\n"
        "print(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(),"
        " 'torch._inductor.config' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


#: Page faults of one and of ten further blocks of 192 MB, each filled and freed.
FAULTS = """
import ctypes, resource, sys
from nst.machine import cpu

def fill(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        block = libc.malloc(192 << 20)
        ctypes.memset(block, 1, 192 << 20)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
if sys.argv[1] == "keep":
    cpu.keep_memory()
print(fill(1), fill(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is of glibc's allocator")
def test_freed_memory_is_kept_for_the_next_iteration():
    """Without it, each block costs its page faults again."""
    faults = {}
    for how in ("keep", "leave"):
        done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
        faults[how] = [int(number) for number in done.stdout.split()]
    first, later = faults["leave"]
    assert later > 5 * first > 0
    first, later = faults["keep"]
    assert later < first / 10


def test_another_c_library_keeps_memory_as_it_likes(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    for library in (missing, lambda name: object()):  # no such file, no such function
        monkeypatch.setattr("ctypes.CDLL", library)
        cpu.keep_memory()


def test_only_a_cpu_has_its_memory_kept(monkeypatch):
    kept = []
    monkeypatch.setattr(runtime, "keep_memory", lambda: kept.append(True))
    threads = torch.get_num_threads()
    runtime.set_up(torch.device("mps"))
    assert not kept
    runtime.set_up(torch.device("cpu"))
    assert kept == [True]
    assert torch.get_num_threads() == threads


@pytest.fixture
def cuda_cache(tmp_path, monkeypatch):
    """What is done with the memory that torch keeps of a stand-in GPU, which torch has used."""
    calls = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("emptied"))
    return calls


def test_a_gpus_memory_is_given_back_before_its_lock(cuda_cache, monkeypatch):
    """Else the process that waits for the GPU finds it full."""

    def emptied():
        lock = FileLock(private.private_folder() / "gpu-GPU-a.lock", timeout=0, is_singleton=False)
        with pytest.raises(Timeout):
            lock.acquire()
        cuda_cache.append("emptied under the lock")

    monkeypatch.setattr(torch.cuda, "empty_cache", emptied)
    with gpus.exclusive_gpu("auto"):
        assert cuda_cache == []
    assert cuda_cache == ["emptied under the lock"]


def test_no_memory_is_given_back_of_a_gpu_that_torch_has_not_used(cuda_cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_initialized", lambda: False)
        with gpus.exclusive_gpu("auto"):
            pass
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "torch")
        with gpus.exclusive_gpu("auto"):
            pass
        assert "torch" not in sys.modules  # which takes seconds to import
    assert cuda_cache == []
    with gpus.exclusive_gpu("auto"):
        pass
    assert cuda_cache == ["emptied"]


def test_memory_that_cannot_be_given_back_costs_no_picture(cuda_cache, monkeypatch):
    def fail():
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    with gpus.exclusive_gpu("auto") as gpu:
        assert gpu == "GPU-a"


def test_who_holds_a_gpu_is_asked_again(tmp_path, monkeypatch):
    """Another process may take the GPU that the first one frees."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a")
    monkeypatch.setattr(gpus, "ASK_EVERY", 0.05)
    lock, calls = FileLock(private.private_folder() / "gpu-GPU-a.lock", thread_local=False), []

    def leave_at_the_third_call(asked):
        calls.append(asked)
        if len(calls) == 3:
            lock.release(force=True)

    lock.acquire()
    threading.Timer(5, lock.release, kwargs={"force": True}).start()  # where nobody is asked again
    with gpus.exclusive_gpu("auto", when_busy=leave_at_the_third_call, poll=0.01):
        assert calls == [["GPU-a"]] * 3
