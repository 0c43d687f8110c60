"""The container files, which are not built here: what they name exists, and the studio's container stays confined.

hadolint, Caddy and Compose's schema are not among the test's packages, so a small parser checks what matters.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from nst import cli

REPOSITORY = Path(__file__).parents[2]
STUDIO = REPOSITORY / "profiles/studio"
DOCKERFILES = sorted(REPOSITORY.glob("profiles/*/Dockerfile"))
INSTRUCTIONS = {"FROM", "ARG", "RUN", "COPY", "ENV", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
COMPOSE = yaml.safe_load((STUDIO / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]


def instructions(path: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) of each step, with continued lines joined."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    steps = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(name, arguments) for name, _, arguments in (step.partition(" ") for step in steps)]


def arguments_of(instruction: str) -> str:
    (found,) = [arguments for name, arguments in instructions(STUDIO / "Dockerfile") if name == instruction]
    return found


def command() -> list[str]:
    """The studio's command line in its container."""
    return [*json.loads(arguments_of("ENTRYPOINT")), *SERVICES["studio"]["command"]]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_names_what_exists(path):
    steps = instructions(path)
    assert {name for name, _ in steps} <= INSTRUCTIONS
    assert steps[0][0] == "FROM"
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for name, arguments in steps:
        if name == "COPY":
            *sources, target = shlex.split(arguments)
            assert target.startswith("/opt/nst")
            assert [source for source in sources if not (REPOSITORY / source).exists()] == []
        elif name == "RUN" and "pip install" in arguments:
            assert "-c /opt/nst/requirements.lock" in arguments
            assert re.search(r"/opt/nst\[(\w+)\]", arguments)[1] in extras


def test_the_image_of_the_studio_has_the_workflow_and_no_secret():
    steps = instructions(STUDIO / "Dockerfile")
    copied = [path for name, arguments in steps if name == "COPY" for path in arguments.split()[:-1]]
    assert {"nst", "workflow", "Snakefile", "profiles/default", "data"} <= set(copied)
    secret = (STUDIO / COMPOSE["secrets"]["token"]["file"]).resolve().relative_to(REPOSITORY)
    assert not [path for path in copied if secret.is_relative_to(path)]
    assert f"/{secret.name}" in (STUDIO / ".gitignore").read_text("utf-8").splitlines()


@pytest.mark.xfail("studio" not in cli.COMMANDS, reason="the command nst studio does not exist yet", strict=True)
def test_the_options_exist():
    program, name, *arguments = command()
    assert (program, name) == ("nst", "studio")
    studio = cli.group.get_command(click.Context(cli.group), name)
    assert studio is not None
    context = studio.make_context(name, arguments)
    assert context.params["proxy"]
    assert str(context.params["token_file"]) == f"/run/secrets/{SERVICES['studio']['secrets'][0]}"
    assert str(context.params["folder"]).startswith("/studio/")


def test_proxy_and_health_check_reach_the_port():
    port = command()[command().index("--port") + 1]
    assert arguments_of("EXPOSE") == port
    assert f"127.0.0.1:{port}/health" in json.loads(arguments_of("HEALTHCHECK").partition("CMD ")[2])[-1]
    assert f"reverse_proxy studio:{port}\n" in (STUDIO / "Caddyfile").read_text("utf-8")


def test_the_services_are_confined():
    for service in SERVICES.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
    assert int(arguments_of("USER")) > 0
    assert SERVICES["studio"]["init"]
    assert "ports" not in SERVICES["studio"]
    assert [COMPOSE["networks"][name] for name in SERVICES["studio"]["networks"]] == [{"internal": True}]


def test_the_compose_file_names_what_exists():
    build = SERVICES["studio"]["build"]
    assert (STUDIO / build["context"]).resolve() == REPOSITORY
    assert REPOSITORY / build["dockerfile"] == STUDIO / "Dockerfile"
    arguments = [text.partition("=")[0] for name, text in instructions(STUDIO / "Dockerfile") if name == "ARG"]
    assert list(build["args"]) == arguments
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("depends_on", [])) <= set(SERVICES)
        for source in (volume.partition(":")[0] for volume in service["volumes"]):
            assert (STUDIO / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_block_for_gpus_is_valid_without_its_comment_signs():
    text = (STUDIO / "compose.yaml").read_text("utf-8")
    text = re.sub(r"^    # (deploy:|  )", r"    \1", text, flags=re.MULTILINE)
    (device,) = yaml.safe_load(text)["services"]["studio"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
