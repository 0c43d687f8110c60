"""The workflow as a module of another one, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys

from nst.images import write_picture
from user_folder import REPOSITORY, UserFolder

SNAKEFILE = """
from nst.grid import shipped

configfile: "config/config.yaml"

module styles:
    snakefile: str(shipped.workflow())
    config: config["styles"]

use rule * from styles as styles_*

rule count:
    default_target: True
    input:
        table=rules.styles_compare.output.table,
        gallery=rules.styles_gallery.output,
    output:
        "count.txt",
    shell:
        "wc -l < {input.table} > {output}"
"""
# `styles` is the configuration of the module; the other keys are the folder's own
CONFIG = """
threshold: 3
styles:
  manifest: grid.csv
  results: styled
  device: cpu
  settings: {network: lite, size: 32, iterations: 2, precision: fp32}
"""


def test_its_rules_and_files_are_those_of_the_other_workflow(tmp_path, scene, stripes):
    user = UserFolder(tmp_path, PYTHONWARNINGS="ignore")
    write_picture(tmp_path / "scene.png", scene)
    write_picture(tmp_path / "stripes.png", stripes)
    user.write("Snakefile", SNAKEFILE)
    user.write("config/config.yaml", CONFIG)
    user.write("grid.csv", "content,style\nscene.png,stripes.png\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    command += ["--workflow-profile", str(REPOSITORY / "profiles/default")]

    def snakemake() -> str:
        run = subprocess.run(
            command, cwd=tmp_path, env=user.environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr

    assert " steps\n" in snakemake()
    assert int((tmp_path / "count.txt").read_text()) == 2  # its header, and a pair
    assert (tmp_path / "styled/gallery/index.html").is_file()
    assert not (tmp_path / "results").exists()
    assert "Nothing to be done" in snakemake()
