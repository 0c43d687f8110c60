"""Write what is generated from declarations: the tables in config/README.md and the JSON schemas.

    python docs/scripts/generated.py

The tests fail where these files differ from the declarations (nst/settings/values.py, nst/grid/config.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from nst.commands.settings import markdown_table
from nst.grid.config import Config, allowed
from nst.grid.schemas import config_schema, manifest_schema
from nst.settings import text

ROOT = Path(__file__).parents[2]


def main() -> None:
    for name, schema in (("config", config_schema), ("manifest", manifest_schema)):
        written = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
        (ROOT / f"workflow/schemas/{name}.schema.json").write_text(written, "utf-8")
    readme = ROOT / "config/README.md"
    content = _replaced(readme.read_text("utf-8"), "keys", keys_table())
    readme.write_text(_replaced(content, "settings", markdown_table()), "utf-8")


def keys_table() -> str:
    """The Markdown table of the keys of config.yaml."""
    rows = ["| key | default | values | meaning |", "|---|---|---|---|"]
    for key, info in Config.model_fields.items():
        default = info.get_default(call_default_factory=True)
        shown = "none" if default == {} else f"`{text(default)}`"
        rows.append(f"| `{key}` | {shown} | {allowed(key)} | {info.description} |")
    return "\n".join(rows)


def _replaced(content: str, name: str, table: str) -> str:
    """The text with the table between the markers of this name."""
    before, start, rest = re.split(rf"(<!-- {name}[^\n]*-->\n)", content)
    return before + start + table + rest[rest.index(f"\n<!-- end of {name} -->") :]


if __name__ == "__main__":
    main()
