"""Reading of YAML files that contain one mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nst import limits
from nst.errors import NstError
from nst.io.files import read_bounded

#: Maximum digits of a number: more than any setting has, and fewer than Python refuses to print.
_DIGITS = 100


class _Loader(yaml.SafeLoader):
    """Refuses duplicate keys, of which PyYAML silently uses the last, and keys that are not strings."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is a list or a mapping", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} appears twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file, without keys that have no value; empty for an empty file.

    Raises NstError if the file is missing, too large, not UTF-8, not YAML or not a mapping.
    """
    try:
        content = _loaded(read_bounded(path, limits.YAML_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise NstError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise NstError(f"{path}: is not UTF-8; save it as UTF-8 text") from error
    except yaml.YAMLError as error:
        raise NstError(f"{path}{_message(error)}; write it as `key: value` lines") from error
    except RecursionError as error:
        raise NstError(f"{path}: is nested too deeply; write it as `key: value` lines") from error
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:  # a date of month 99, …
        raise NstError(f"{path}: is not valid YAML ({error}); write it as `key: value` lines") from error
    if not isinstance(content or {}, dict):
        raise NstError(f"{path}: is not a mapping; write it as `key: value` lines")
    return without_empty(content or {})


def without_empty(mapping: dict[Any, Any]) -> dict[str, Any]:
    """The mapping without keys that have no value: `key:` alone means the same as an empty cell of the manifest."""
    return {str(key): value for key, value in mapping.items() if value is not None}


def _loaded(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count_values(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count_values(node: yaml.Node, counts: dict[yaml.Node, int]) -> int:
    """The number of values of a node, with aliases expanded. Raises YAMLError for too many."""
    if node not in counts:
        counts[node] = limits.YAML_VALUES  # for a node that contains itself
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        inside = sum(_count_values(part, counts) for part in parts) if isinstance(node, yaml.CollectionNode) else 0
        counts[node] = 1 + inside
        if counts[node] > limits.YAML_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {limits.YAML_VALUES:,} values, with aliases expanded", problem_mark=node.start_mark
            )
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":int") and len(node.value) > _DIGITS:
            raise yaml.MarkedYAMLError(problem=f"a number of {len(node.value)} digits", problem_mark=node.start_mark)
    return counts[node]


def _message(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return (f":{mark.line + 1}" if mark else "") + f": is not valid YAML ({problem})"
