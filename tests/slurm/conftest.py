"""A grid of small images on a real Slurm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster, missing
from project import Project


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := missing():
        pytest.skip(reason)
    slurm = Cluster(tmp_path_factory.mktemp("slurm") / "s")
    try:
        slurm.up()
        yield slurm
    finally:
        slurm.down()


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster) -> Iterator[Project]:
    yield Project(tmp_path)
    cluster.cancel_jobs()  # of a test that failed
