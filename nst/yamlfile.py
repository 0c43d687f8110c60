"""YAML files that hold one mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nst.errors import NstError


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, where PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; keys without a value are left out, an empty file is an empty mapping.

    Raises NstError with one sentence for a file that is missing, not UTF-8, not YAML or no mapping.
    """
    try:
        found = yaml.load(Path(path).read_text("utf-8-sig"), _Loader)
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise NstError(f"{path}: is not UTF-8; save it as UTF-8 text") from error
    except yaml.YAMLError as error:
        raise NstError(f"{path}{_sentence(error)}; write it as `key: value` lines") from error
    if not isinstance(found or {}, dict):
        raise NstError(f"{path}: is no mapping; write it as `key: value` lines")
    return without_empty(found or {})


def without_empty(mapping: dict[Any, Any]) -> dict[str, Any]:
    """The keys that have a value: `key:` alone means what an empty cell of the manifest means."""
    return {str(key): value for key, value in mapping.items() if value is not None}


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return (f":{mark.line + 1}" if mark else "") + f": is not valid YAML ({problem})"
