"""A folder as a user has one: pictures, a manifest and a configuration, in which Snakemake runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def snakemake(*arguments: str) -> list[str]:
    """The command that runs the workflow of this repository in the working folder."""
    return [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), *arguments]


class UserFolder:
    """The folder, and the environment of the commands that run in it: this interpreter's programs come first."""

    def __init__(self, folder: Path, **environment: str):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.folder, self.environment = folder, os.environ | {"PATH": path} | environment

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
