"""A user's folder whose grid runs on a real Slurm, or on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from nst.images import write_picture
from user_folder import REPOSITORY, UserFolder

CONFIG = "settings: {network: lite, size: 40, iterations: 12, frame_interval: 6}\nthreads: 1\ndevice: cpu\n"
MANIFEST = "content,style\ncontent/*.png,style/*.png\n"
#: What makes the shipped profile quick enough for tests, and fit for nodes whose GPUs are none.
QUICK = (
    "--slurm-init-seconds-before-status-checks=2", "--latency-wait=5",
    "--set-threads", "bundle=1", "stylize=1", "gallery=1",
)  # fmt: skip
#: About six of the small pictures a job.
BUNDLE = ("--config", "device=cpu", "bundle=0.11")


class Project(UserFolder):
    """A user's folder with contents, styles, a manifest and the profiles that are shipped."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.environment.pop("SLURM_CONF", None)
        rng = np.random.default_rng(5)
        for kind, count in (("content", 4), ("style", 6)):
            for number in range(count):
                (folder / kind).mkdir(exist_ok=True)
                coarse = rng.random((5, 6, 3)).astype(np.float32)
                write_picture(folder / kind / f"{kind[0]}{number}.png", coarse.repeat(8, 0).repeat(8, 1))
        self.write("config/config.yaml", CONFIG)
        self.write("config/manifest.csv", MANIFEST)
        (folder / "profiles").symlink_to(REPOSITORY / "profiles")

    def start(self, *arguments: str) -> subprocess.Popen:
        """Snakemake, with all that it says in one stream."""
        command = [
            "env",
            "--default-signal=INT",
            sys.executable,
            str(Path(__file__).with_name("driver.py")),
            "--snakefile",
            str(REPOSITORY / "Snakefile"),
            *arguments,
        ]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def on_cluster(self, *arguments: str, config: tuple[str, ...] = BUNDLE) -> subprocess.Popen:
        """Snakemake with the shipped profile."""
        return self.start("--workflow-profile", "profiles/slurm", *QUICK, *config, *arguments)

    def local(self, *arguments: str) -> subprocess.Popen:
        return self.start("--cores", "2", "--workflow-profile", str(REPOSITORY / "profiles/default"), *arguments)

    def log(self) -> str:
        """Snakemake's full log of the last run."""
        return max((self.folder / ".snakemake/log").iterdir()).read_text()

    def grid(self, results: str = "results") -> pd.DataFrame:
        return pd.read_csv(self.folder / results / "grid.csv")

    def pictures(self, results: str = "results") -> dict[str, bytes]:
        """The bytes of each existing image, by pair."""
        root = self.folder / results / "pairs"
        return {str(path.parent.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("image.png"))}

    def stylized_at(self, results: str = "results") -> dict[str, int]:
        """The time in ns at which each existing image was written, by pair."""
        root = self.folder / results / "pairs"
        return {str(path.parent.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("image.png")}


def finished(process: subprocess.Popen, seconds: float = 240) -> str:
    """The output of a process, after its end."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still running after {seconds:g} s:\n{process.communicate()[0][-5000:]}") from None
