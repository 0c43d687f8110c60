"""GPUs and their locks, the CPU, and torch's configuration."""

from typing import Literal, get_args

#: A device by its name; auto is an NVIDIA GPU if there is one, else the CPU.
Device = Literal["auto", "cuda", "mps", "cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)
