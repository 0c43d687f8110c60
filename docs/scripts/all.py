"""Render all pictures of the README and the documentation: `make docs-pictures`.

    python docs/scripts/all.py [--work FOLDER] [--list] [--mark] [STEP...]

Each step is a command of the repository. A finished step leaves a mark in the work folder and is skipped the next time;
delete the folder to render everything again. All steps take about two hours on two cores. Those that measure speed
(`performance`) need a machine without other work.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from nst.settings import presets

ROOT = Path(__file__).parents[2]
PICTURES = "docs/pictures"
BENCHMARKS = "tests/benchmarks"


#: The values of the presets that the pictures show, a hash by step: a test compares it with the presets of today.
MADE = ROOT / PICTURES / "presets.json"


class Step(NamedTuple):
    """Commands, the pictures that they make, and the presets that these show. {work} is the step's folder."""

    pictures: tuple[str, ...]
    commands: tuple[str, ...]
    presets: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """A hash of the presets' values, '' of none."""
        values = {name: presets.load(name, presets.SHIPPED).values for name in self.presets}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16] if values else ""


def _script(name: str, *, work: bool = False) -> str:
    return f"python docs/scripts/{name}.py" + " --work {work}" * work


STEPS = {
    "demo": Step(
        ("demo.jpg", "sweep.jpg", "gallery.jpg"), ("snakemake --cores all", _script("demo"), _script("gallery"))
    ),
    "hero": Step(("hero.jpg",), (_script("hero", work=True),)),
    "methods": Step(
        ("methods.jpg",),
        (
            "snakemake --cores all --config manifest=config/examples/methods.csv results={work}/results",
            f"convert {{work}}/results/sheets/sweeps/lake--swirls.png {PICTURES}/methods.jpg",
        ),
        ("nnst", "photo", "strotss"),
    ),
    "recipes": Step(("recipes/*.jpg",), (_script("recipes", work=True),)),
    "presets": Step(
        ("presets.jpg",),
        (_script("presets", work=True),),
        ("keep-colors", "medium", "portrait", "strong", "subtle"),
    ),
    "photo": Step(("photo.jpg",), (_script("photo", work=True),), ("photo",)),
    "troubleshooting": Step(("troubleshooting/*.jpg",), (_script("troubleshooting"),)),
    "studio": Step(("studio-home.jpg", "studio-run.jpg", "studio-phone.jpg"), (_script("studio"),)),
    "cards": Step(
        ("../../nst/studio/static/presets/*.webp",),
        (_script("cards", work=True),),
        tuple(sorted(path.stem for path in presets.SHIPPED.glob("*.yaml"))),
    ),
    "defaults": Step(
        ("defaults.jpg",),
        (
            f"python {BENCHMARKS}/defaults.py --iterations 100 --contents data/content/lake.jpg --styles "
            "data/style/wave.jpg --candidates start style_weight=16 style_weight=48 scales=4 wasserstein "
            "'average pooling' --work {work}",
            f"convert {{work}}/sheet.png {PICTURES}/defaults.jpg",
        ),
    ),
    "lite": Step(
        ("lite.jpg",),
        (
            f"python {BENCHMARKS}/lite.py --networks vgg19 lite --sizes 256 --iterations 100 "
            f"--sheet {PICTURES}/lite.jpg --work {{work}}",
        ),
    ),
    "metrics": Step(
        ("metrics.jpg",),
        (
            f"python {BENCHMARKS}/metrics_correlation.py --work {{work}}",
            f"convert {{work}}/disagreements.jpg {PICTURES}/metrics.jpg",
        ),
    ),
    "performance": Step(
        ("performance.png",),
        (
            f"python {BENCHMARKS}/performance.py --work {{work}}",
            f"convert {{work}}/performance.png {PICTURES}/performance.png",
        ),
    ),
}


def run(command: str, work: Path) -> None:
    """Run a command in the repository with this interpreter's programs. `convert` copies an image in another format."""
    words = [word.format(work=work) for word in shlex.split(command)]
    print("$", shlex.join(words), flush=True)
    if words[0] == "convert":
        from PIL import Image

        with Image.open(words[1]) as image:
            image.convert("RGB").save(ROOT / words[2], quality=88, optimize=True)
        return
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, cwd=ROOT, env=os.environ | {"PATH": programs}, check=True)


def mark(name: str) -> None:
    """Record that a step's pictures show the presets of today."""
    if STEPS[name].presets:
        made = json.loads(MADE.read_text()) | {name: STEPS[name].fingerprint()}
        MADE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="STEP", default=[])
    parser.add_argument("--work", type=Path, default=ROOT / "build/pictures")
    parser.add_argument("--list", action="store_true", help="print the steps and their pictures")
    parser.add_argument("--mark", action="store_true", help="render nothing: the pictures show the presets of today")
    arguments = parser.parse_args()
    for name in arguments.steps or STEPS:
        step, work = STEPS[name], arguments.work.resolve() / name
        done = work.with_name(f"{name}.done")
        if arguments.mark:
            mark(name)
        elif arguments.list:
            print(f"{name:16} {'done' if done.exists() else '    '}  {', '.join(step.pictures)}")
        elif not done.exists():
            work.mkdir(parents=True, exist_ok=True)
            for command in step.commands:
                run(command, work)
            mark(name)
            done.touch()


if __name__ == "__main__":
    main()
