"""`nst doctor`: a line each of what the machine has, and what to do where something is missing."""

import pytest
import torch
from nst import cli
from nst.errors import NstError
from nst.kernels import available
from nst.machine import runtime


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


def test_says_whether_a_gpu_has_kernels_of_our_own(told, monkeypatch):
    monkeypatch.setattr(runtime, "torch_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(runtime, "name", lambda device: "a stand-in")
    monkeypatch.setattr(runtime, "compute_type", lambda precision, device: torch.bfloat16)
    monkeypatch.setattr(available, "kernels_for", lambda device: available)
    assert told()["kernels"] == "Triton kernels of nst"
    monkeypatch.setattr(available, "kernels_for", lambda device: None)
    assert "Triton and a C compiler" in told()["kernels"]


def test_says_that_torch_cannot_use_a_gpu(told, monkeypatch):
    def fail(name):
        raise NstError("torch cannot use it")

    monkeypatch.setattr(runtime, "torch_device", fail)
    assert told()["device"] == "torch cannot use it"
