"""config.yaml, and the files that are made from the declarations."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nst.errors import NstError, Problems
from nst.grid.config import Config, load_config, load_configs
from nst.grid.schemas import config_schema, manifest_schema
from nst.settings import fields

ROOT = Path(__file__).parents[3]


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(("given", "meant"), [(True, "yes"), (False, "no"), ("auto", "auto"), ("no", "no")])
def test_yes_is_true_in_yaml(given, meant):
    assert load_config({"worker": given}).worker == meant
    jsonschema.Draft202012Validator(config_schema()).validate({"worker": given})


@pytest.mark.usefixtures("_here")
def test_reads_yaml_as_people_write_it() -> None:
    Path("c.yaml").write_text(
        "results: out\ndevice:\nsettings:\n  size: 256\n  style_weight: 1e4\n  deterministic: yes\n"
        "  style_layers: {conv1_1: 1, conv2_1: 0.5}\n  seed:\n"
    )
    config = load_config("c.yaml")
    assert (config.results, config.device, config.manifest) == ("out", "auto", "config/manifest.csv")
    assert {name: str(value) for name, value in config.settings.items()} == {
        "size": "256",
        "style_weight": "10000.0",
        "deterministic": "yes",
        "style_layers": "conv1_1+conv2_1:0.5",
    }


@pytest.mark.parametrize(("given", "folder"), [("out/", "out"), ("out", "out"), ("/", "/"), ("a/b//", "a/b")])
def test_a_folder_has_no_last_slash(given: str, folder: str) -> None:
    assert load_config({"results": given}).results == folder


def test_empty_is_the_default() -> None:
    assert load_config({}) == Config()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"resluts": "x"}, "resluts: no such key; did you mean results?"),
    ({"size": 3}, "size: no such key; it is a setting: write it below `settings:`"),
    (
        {"zzz": 3},
        "zzz: no such key; the keys are "
        "manifest, results, presets, settings, device, format, video, rank_by, worker, threads, bundle",
    ),
    ({"format": "jpeg"}, "format: 'jpeg' is not allowed; expected one of png, jpg, tif; did you mean jpg?"),
    ({"threads": -1}, "threads: '-1' is not allowed; expected a whole number from 0 to 1024"),
    ({"results": ""}, "results: '' is not allowed; expected a path"),
    (
        {"results": 2024},
        "results: '2024' is not allowed; expected a path; write ./ before a name that looks like a number",
    ),
    ({"rank_by": "relaxed_em"}, "rank_by: 'relaxed_em' is no metric; did you mean relaxed_emd?"),
    ({"rank_by": 3}, "rank_by: '3' is not allowed; expected score, a metric, or mean(A, B)"),
    ({"settings": [1]}, "settings: is not a mapping; write a `setting: value` line for each"),
    ({"settings": {"sise": 1}}, "settings.sise: no such setting; did you mean size?"),
    (
        {"settings": {"size": "big"}},
        "settings.size: 'big' is not allowed; expected a whole number from 0 to 16384 (px)",
    ),
]


@pytest.mark.parametrize(("mapping", "line"), WRONG)
def test_wrong_keys(mapping: dict[str, Any], line: str) -> None:
    with pytest.raises(NstError) as caught:
        load_config(mapping)
    assert str(caught.value) == f"config/config.yaml: {line}"


def test_all_mistakes_at_once() -> None:
    with pytest.raises(NstError) as caught:
        load_config({"format": "x", "threads": "many", "settings": {"size": "x", "seed": "y"}}, "c.yaml")
    keys = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert sorted(keys) == ["format", "settings.seed", "settings.size", "threads"]


@pytest.mark.usefixtures("_here")
def test_unknown_preset_and_broken_files() -> None:
    with pytest.raises(NstError, match=r"^config/config.yaml: settings.preset: there is no preset 'drft'; did you"):
        load_config({"settings": {"preset": "drft"}})
    with pytest.raises(NstError, match=r"^no.yaml: cannot be read \(No such file or directory\); check the path$"):
        load_config("no.yaml")
    Path("c.yaml").write_text("results: out\nformat: [png\n")
    with pytest.raises(NstError, match=r"^c.yaml:3: is not valid YAML \(.*\); write it as `key: value` lines$"):
        load_config("c.yaml")


@pytest.mark.parametrize(("name", "schema"), [("config", config_schema), ("manifest", manifest_schema)])
def test_committed_schemas_are_current(name: str, schema: Any) -> None:
    written = (ROOT / f"workflow/schemas/{name}.schema.json").read_text("utf-8")
    assert json.loads(written) == schema(), "run docs/scripts/generated.py"


def test_schemas_take_what_nst_takes() -> None:
    check = jsonschema.Draft202012Validator
    good = {
        "settings": {
            "style_weight": "1e4",
            "deterministic": True,
            "style_layers": {"conv1_1": 1},
            "seed": None,
        }
    }
    assert check(config_schema()).is_valid(good)
    assert not check(config_schema()).is_valid({"settings": {"sise": 1}})
    assert not check(config_schema()).is_valid({"format": "gif"})
    assert check(manifest_schema()).is_valid({"content": "a", "style": "b", "size": ""})
    assert not check(manifest_schema()).is_valid({"content": "a", "style": ""})
    assert not check(manifest_schema()).is_valid({"content": "a", "style": "b", "sise": "1"})


def test_the_readme_is_current_and_complete() -> None:
    text = (ROOT / "config/README.md").read_text("utf-8")
    script = runpy.run_path(str(ROOT / "docs/scripts/generated.py"))
    assert all(script[table]() in text for table in ("keys_table", "markdown_table")), "run docs/scripts/generated.py"
    assert all(f"| `{key}` |" in text for key in (*Config.model_fields, *fields(), "content", "style", "name"))


def test_the_demo_config_names_every_key() -> None:
    text = (ROOT / "config/config.yaml").read_text("utf-8")
    assert load_config(ROOT / "config/config.yaml").manifest == "config/manifest.csv"
    assert all(f"\n{key}:" in text for key in Config.model_fields)


def test_a_second_file_changes_values_of_the_first(tmp_path: Path) -> None:
    """As Snakemake merges them: settings one by one."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("manifest: mine.csv\nsettings: {size: 768, network: lite}\n")
    second.write_text("results: out\nsettings: {size: 64, iterations: 50}\n")
    merged = load_configs([first, second])
    assert (merged.manifest, merged.results) == ("mine.csv", "out")
    assert merged.settings == {"size": 64, "network": "lite", "iterations": 50}
    assert load_configs([]) == Config()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/p.yaml").write_text("settings: {size: 96}\n")
    first.write_text(f"presets: {tmp_path}/mine\n")
    second.write_text("settings: {preset: p}\n")
    assert load_configs([first, second]).settings["preset"] == "p"
    first.write_text("manifst: mine.csv\n")
    with pytest.raises(Problems, match=r"a\.yaml: manifst: no such key"):
        load_configs([first, second])


def test_a_manifest_that_snakemake_would_misread() -> None:
    with pytest.raises(Problems, match=r"manifest: 'a\{x\}\.csv' contains .* a brace"):
        load_config({"manifest": "a{x}.csv"})
