"""`nst doctor`: a line each of what the machine has, and what to do where something is missing."""

import re
import sys
from types import SimpleNamespace

import pytest
import torch

from nst import cli, kernels
from nst.kernels import available
from nst.machine import gpus


@pytest.fixture
def told(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))

    def lines():
        assert cli.main(["doctor"]) == 0
        return {line[:10].strip(): line[11:] for line in capsys.readouterr().out.splitlines()}

    return lines


def test_says_what_there_is_and_what_to_do_about_the_rest(told, tmp_path, monkeypatch):
    found = told()
    assert list(found)[:3] == ["torch", "device", "GPUs"]
    assert found["torch"].startswith(torch.__version__)
    assert "put the weights there" in found["vgg19"]
    assert str(tmp_path) in found["vgg19"]
    monkeypatch.delenv("NST_WEIGHTS_DIR")
    assert told()["vgg19"].startswith("weights ")
    assert "nst weights vgg16" in told()["vgg16"]
    assert found["lite"].endswith("lite.safetensors")


@pytest.fixture
def stand_in_gpu(monkeypatch):
    """A GPU as torch shows it, of a compute capability that can be chosen, whose kernels need nothing of it."""

    def show(capability):
        built = SimpleNamespace(dots=lambda *vectors: None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a stand-in")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch, "zeros", lambda *shape, device: torch.empty(shape))
        monkeypatch.setitem(sys.modules, "nst.kernels.gpu", built)
        monkeypatch.setattr(kernels, "gpu", built, raising=False)
        available._kernels.cache_clear()

    yield show
    available._kernels.cache_clear()


@pytest.mark.parametrize(("capability", "dtype"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp32")])
def test_says_whether_a_gpu_has_kernels_of_our_own(told, stand_in_gpu, capability, dtype):
    stand_in_gpu(capability)
    found = told()
    assert found["device"] == f"cuda (a stand-in); precision auto is {dtype}"
    if dtype == "bf16":
        assert found["kernels"] == "Triton kernels of nst"
    else:
        assert "they require bf16 units, Triton and a C compiler" in found["kernels"]


def test_says_what_kernels_need_where_they_cannot_be_built(told, stand_in_gpu, monkeypatch, caplog):
    stand_in_gpu((9, 0))

    def fail(*vectors):
        raise RuntimeError("Failed to find C compiler.\nPlease specify one")

    monkeypatch.setattr(kernels.gpu, "dots", fail)
    assert "Triton and a C compiler" in told()["kernels"]
    assert "cannot be built (Failed to find C compiler.)" in caplog.text


def test_has_no_line_on_kernels_without_a_gpu(told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = told()
    assert "kernels" not in found
    assert found["device"].startswith("cpu (")
    assert found["GPUs"] == "none found; images are stylized on the CPU"


def test_says_that_torch_cannot_use_a_gpu(told, monkeypatch):
    """One that nvidia-smi lists, with a torch that was built without CUDA."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "listed", lambda: ["GPU-a"])
    found = told()
    assert "NVIDIA GPU: it was built for CPUs only" in found["device"]
    assert found["GPUs"] == "GPU-a"
    assert "kernels" not in found


def test_says_which_optional_packages_are_missing(told, monkeypatch):
    assert told()["metrics"] == "installed"
    monkeypatch.setattr("nst.commands.doctor.find_spec", lambda module: None)
    found = told()
    assert re.fullmatch(r"not installed; for `protect: faces`, `pip install \S+\[faces\]\S*`", found["faces"])
    assert {"metrics", "s3", "studio"} <= {name for name, line in found.items() if line.startswith("not installed")}
