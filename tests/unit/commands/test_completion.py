"""Completion in a shell, as the scripts that click makes ask for it."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete

from nst import cli


def completed(*words: str) -> list[str]:
    """The values for the last word, or its type: file or dir."""
    complete = ShellComplete(cli.group, {}, "nst", "_NST_COMPLETE")
    items = complete.get_completions(list(words[:-1]), words[-1])
    return [item.value if item.type == "plain" else item.type for item in items]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gr"], ["grid"]),
        (["--ver"], ["--version"]),
        (["stylize", "--style-w"], ["--style-weight"]),
        (["stylize", "a.jpg", "b.jpg", "--network", "v"], ["vgg19", "vgg16"]),
        (["stylize", "--preset", "keep"], ["keep-colors"]),
        (["stylize", "--style-weight", ""], ["auto"]),
        (["stylize", "--style-loss", "s"], ["sliced"]),
        (["stylize", "--device", "c"], ["cuda", "cpu"]),
        (["stylize", "--protect", "f"], ["faces"]),
        (["stylize", "--protect", "mask"], ["file"]),
        (["stylize", "--init", "no"], ["noise"]),
        (["stylize", "pho"], ["file"]),
        (["stylize", "photo.jpg", "pai"], ["file"]),
        (["stylize", "a.jpg", "b.jpg", "-o", "o"], ["file"]),
        (["grid", "m"], ["file"]),
        (["run", "--config", "c"], ["file"]),
        (["run", "--profile", "s"], ["slurm"]),
        (["run", "--profile", "mine/"], ["dir"]),
        (["settings", "style_w"], ["style_weight"]),
        (["weights", "l"], ["lite"]),
        (["tables", "--rank-by", "relaxed"], ["relaxed_emd"]),
        (["worker", "sta"], ["status"]),
    ],
)
def test_words_are_completed(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_own_presets_are_completed(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine.yaml").write_text("description: Mine\nsettings: {size: 64}\n")
    assert completed("stylize", "--presets", str(tmp_path), "--preset", "mi") == ["mine"]


def test_each_word_that_names_a_file_is_completed() -> None:
    """Every option whose help shows FILE, FOLDER or PATH; and every option that is a path shows one of them."""
    for name in cli.COMMANDS:
        command = cli.group.get_command(click.Context(cli.group), name)
        for parameter in command.params:
            if not isinstance(parameter, click.Option):
                continue
            shown = parameter.metavar in ("FILE", "FOLDER", "PATH")
            assert shown or not isinstance(parameter.type, click.Path), (name, parameter.name)
            if shown:
                items = parameter.shell_complete(click.Context(command), "some/")
                assert [item.type for item in items] in (["file"], ["dir"]), (name, parameter.name)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_and_is_answered(shell: str) -> None:
    ask = [sys.executable, "-m", "nst"]
    words = {"COMP_WORDS": "nst gri", "COMP_CWORD": "gri" if shell == "fish" else "1"}
    answers = []
    for kind, more in (("source", {}), ("complete", words)):
        environment = os.environ | {"_NST_COMPLETE": f"{shell}_{kind}"} | more
        run = subprocess.run(ask, env=environment, capture_output=True, text=True, check=True)
        answers.append(run.stdout)
    script, answer = answers
    assert f"_NST_COMPLETE={shell}_complete" in script
    assert "grid" in answer
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
