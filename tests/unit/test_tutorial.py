"""The tutorial runs from its first cell to its last in a real kernel."""

from pathlib import Path

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parents[2] / "docs/tutorials/notebook.ipynb"


def test_the_tutorial_runs_and_says_what_it_finds():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert any("image/jpeg" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
    for cell in notebook.cells:  # the same steps, with less of everything
        cell.source = cell.source.replace("long_side=192", "long_side=64")
        for iterations in (60, 80, 100, 150):
            cell.source = cell.source.replace(f"iterations={iterations})", "iterations=8)")
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    printed = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))
    assert "largest change by shuffling" in printed
    assert "auto, target 0.1" in printed
