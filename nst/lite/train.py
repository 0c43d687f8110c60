"""Train lite, the embedded network, to match VGG-19's features (knowledge distillation).

    python -m nst.lite.train PICTURES --work FOLDER --leave-out TEST_PICTURES --start nst/lite/lite.safetensors

PICTURES is a folder of photographs and paintings; images that resemble one of TEST_PICTURES are left out. The
training time is that of the plan, train.yaml beside this file, or `--seconds`. A checkpoint is written to FOLDER every
minute, and the same command resumes from it. FOLDER/log.csv has the errors, FOLDER/lite.safetensors the averaged
weights so far. Without `--start` the student starts from random weights; narrower weights are widened. The model card
is docs/explanation/lite.md.

At each layer the student's features s are compared to the teacher's t through a linear map M that is trained too:
‖Ms − t‖²/‖t‖². The same holds for Gram matrices, and for the gradient of the style transfer loss in the image, which
an optimizer will follow. The images are augmented crops; a share of them was optimized on the student's features.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from nst import weights
from nst.errors import NstError
from nst.lite.pictures import read_pictures
from nst.lite.schedule import Plan
from nst.lite.training import train
from nst.machine import DEVICES, cpu, runtime
from nst.networks.extractor import FeatureExtractor
from nst.settings import LITE_LAYERS


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--leave-out", type=Path, help="folder of test images, not to train on")
    parser.add_argument("--start", help="a lite.safetensors to start from, unless there is a checkpoint")
    parser.add_argument("--teacher", default="auto", help="weights of VGG-19, as the setting `weights`; default: auto")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("train.yaml"))
    parser.add_argument("--seconds", type=float, help="of training, in all runs; default: the plan's")
    parser.add_argument("--workers", type=int, help="processes for the crops; default: cores - 1 with CUDA, else 0")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    arguments = parser.parse_args()
    try:
        _train(arguments)
    except NstError as error:
        sys.exit(f"nst.lite.train: {error}")


def _train(arguments: argparse.Namespace) -> None:
    plan = Plan.read(arguments.plan, seconds=arguments.seconds)
    start = weights.load("lite", arguments.start)[0] if arguments.start else None
    teacher_state, _, _ = weights.load("vgg19", arguments.teacher)
    device = runtime.torch_device(arguments.device)
    cpu.keep_memory()
    torch.backends.cudnn.benchmark = True  # all batches of a stage have one shape
    kind = runtime.compute_type("auto", device)
    teacher = FeatureExtractor("vgg19", teacher_state, LITE_LAYERS).convert(device, kind)
    workers = arguments.workers
    if workers is None:
        workers = max(1, (os.cpu_count() or 1) - 1) if device.type == "cuda" else 0
    pictures = read_pictures(arguments.pictures, arguments.leave_out)
    train(plan, pictures, teacher, arguments.work, start=start, workers=workers)


if __name__ == "__main__":
    main()
