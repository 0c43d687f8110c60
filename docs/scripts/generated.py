"""Write what is generated from the declaration of the settings: the table in config/README.md and the JSON schemas.

    python docs/scripts/generated.py

The tests fail where these files differ from the declaration (nst/settings/values.py).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from nst.commands.settings import markdown_table
from nst.grid.config import config_schema, manifest_schema

ROOT = Path(__file__).parents[2]


def main() -> None:
    for name, schema in (("config", config_schema), ("manifest", manifest_schema)):
        text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
        (ROOT / f"workflow/schemas/{name}.schema.json").write_text(text, "utf-8")
    readme = ROOT / "config/README.md"
    before, start, rest = re.split(r"(<!-- settings[^\n]*-->\n)", readme.read_text("utf-8"))
    end = rest.index("\n<!-- end of settings -->")
    readme.write_text(before + start + markdown_table() + rest[end:], "utf-8")


if __name__ == "__main__":
    main()
