"""Run the notebook and keep its outputs, with a hash of the code that made them: a test compares it with the code.

python docs/scripts/notebook.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import nbclient
import nbformat

NOTEBOOK = Path(__file__).parents[1] / "tutorials/notebook.ipynb"
#: The key of the hash in the notebook's metadata.
HASH = "outputs_of"


def code_hash(notebook: nbformat.NotebookNode) -> str:
    """A hash of the notebook's code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\n\n".join(code).encode()).hexdigest()[:16]


def main() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources, record_timing=False
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}  # without the version of this Python
    notebook.metadata[HASH] = code_hash(notebook)
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
