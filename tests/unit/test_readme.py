"""The README's example of Python runs as it stands, only smaller."""

import re
from pathlib import Path

from nst.images import read_picture, write_picture

ROOT = Path(__file__).parents[2]


def test_the_python_example(tmp_path, monkeypatch, scene, stripes, untrained_folder):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    write_picture("photo.jpg", scene)
    write_picture("painting.jpg", stripes)
    exec(example.replace("512", "48").replace("300", "2"), {})
    assert max(read_picture("out.png").pixels.shape) == 48
