"""The workflow is found in a clone and in an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst.errors import NstError
from nst.grid import shipped
from user_folder import REPOSITORY


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installed package, without the workflow."""
    monkeypatch.setattr("nst.grid.shipped.__file__", str(tmp_path / "site-packages/nst/grid/shipped.py"))
    return tmp_path / "site-packages/nst"


def test_in_a_clone_it_is_the_repository() -> None:
    assert shipped.folder() == REPOSITORY
    assert shipped.snakefile() == REPOSITORY / "Snakefile"
    assert shipped.installer("workflow") == f"pip install '{REPOSITORY}[workflow]'"


def test_in_an_installed_package_it_is_a_part_of_it(package: Path) -> None:
    snakefile = package / "shipped/workflow/Snakefile"
    snakefile.parent.mkdir(parents=True)
    snakefile.touch()
    assert shipped.folder() == package / "shipped"
    assert shipped.snakefile() == snakefile
    assert shipped.installer("workflow") == "pip install 'nst-grid[workflow]'"


def test_profiles_have_names_and_the_working_directory_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped.profile("slurm") == shipped.profile("profiles/slurm") == REPOSITORY / "profiles/slurm"
    own = Path("profiles/slurm/profile.yaml")
    own.parent.mkdir(parents=True)
    own.touch()
    assert shipped.profile("slurm") == shipped.profile("profiles/slurm") == own.parent
    with pytest.raises(NstError, match=r"^there is no profile 'slum'; .* or use default, kubernetes, slurm$"):
        shipped.profile("slum")


def test_a_package_without_it_says_so(package: Path) -> None:
    with pytest.raises(NstError, match=r"install nst-grid again$"):
        shipped.folder()
