"""Configurations and presets of any bytes and values: refused with one message for each mistake, or of use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bounded import bounded
from mutation import altered, damaged
from nst.grid.config import Config, load_config
from nst.settings import defaults, make, presets, text

WHOLE = {
    "manifest": "a.csv",
    "results": "out",
    "presets": "mine",
    "settings": {"preset": "draft", "size": 64, "style_weight": 1e4, "style_layers": {"conv1_1": 1, "conv2_1": 0.5}},
    "device": "cpu",
    "format": "png",
    "video": "none",
    "worker": False,
    "threads": 1,
    "bundle": 0.5,
    "rank_by": "mean(style_error, relaxed_emd)",
}
YAML = b"""manifest: a.csv
results: &r out
settings:
  preset: draft
  size: 64
  style_weight: 1e4
  style_layers: {conv1_1: 1, conv2_1: 0.5}
  deterministic: yes
presets: *r
bundle: 1_0.5
rank_by: mean(style_error, ssim)
"""
PRESET = b"description: >\n  ours\nsettings:\n  size: 64\n  pooling: average\n  style_layers: conv1_1+conv2_1:0.5\n"
#: What YAML is made of.
PARTS = [
    "settings:", "results: ", "threads: ", "size: ", "a", "\n", "\n  ", ": ", "- ", "? ", "{", "}", "[", "]", ",",
    "&a ", "*a", "<<: ", "!!int ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!python/name:os.system ", "|",
    ">", "%", "'", '"', "#", "---\n", "...\n", "~", "yes", "0x", "ff", "1_0", "1:2:3", ".inf", ".nan", "2001-99-99",
    "9", "\t", "\\x", "\u2028", "\ufeff", "\x1b", "é",
]  # fmt: skip
TEXT = st.lists(
    st.builds(lambda part, times: part * times, st.sampled_from(PARTS) | st.text(max_size=4), st.sampled_from(
        [1, 1, 1, 1, 2, 50, 5000])), max_size=14,
).map("".join)  # fmt: skip
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checked(config: Config) -> None:
    """What is accepted can be a folder of Snakemake's, and settings."""
    assert not set(config.results) & set("{}<>*?\n\r\0")
    assert not config.results.startswith(("-", "~/"))
    values = presets.load(config.settings.get("preset", ""), config.presets).values | config.settings
    assert text(make({**{name: text(value) for name, value in values.items()}}).size)


def read(content: bytes) -> str:
    Path("config.yaml").write_bytes(content)
    return bounded(lambda: checked(load_config("config.yaml"))).error


def test_what_is_whole_is_accepted():
    assert read(YAML) == ""
    assert bounded(lambda: checked(load_config(WHOLE))).error == ""
    assert set(WHOLE) == set(Config.model_fields)
    assert defaults()


@given(content=damaged(YAML) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(content=BOMB.encode())
@example(content=b"settings: &a [*a]")
@example(content=b"settings: " + b"[" * 5_000)
@example(content=b"? [a, b]\n: c")
@example(content=b"settings: {{a: b}: c}")
@example(content=b"results: 2001-99-99")
@example(content=b"threads: 0x" + b"f" * 9000)
@example(content=b"bundle: 1" + b":59" * 3000)
@example(content=b"results: !!binary x")
@example(content=b"k: " * 9_000)
@example(content=b"".join(b"k%d: 1\n" % number for number in range(4_000)))
def test_yaml_of_any_bytes(content):
    read(content)


@given(given=altered(WHOLE))
@example(given=WHOLE | {"results": "~/t"})
@example(given=WHOLE | {"results": "-x"})
@example(given=WHOLE | {"results": "out{x}"})
@example(given=WHOLE | {"settings": {"size": 2**20_000}})
@example(given=WHOLE | {"settings": {"init": "http://[::1/a.jpg"}})
@example(given=WHOLE | {"threads": float("nan")})
def test_values_of_any_kind(given):
    if isinstance(given, dict):
        bounded(lambda: checked(load_config(given)))


@given(content=damaged(PRESET) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")), name=st.text(max_size=8))
@example(content=PRESET, name="x" * 300)
@example(content=PRESET, name="../../../../etc/passwd")
@example(content=b"settings: {preset: a}", name="\0")
def test_presets(content, name):
    Path("mine.yaml").write_bytes(content)
    bounded(lambda: presets.load("mine", "."))
    bounded(lambda: presets.load(name, "."))
