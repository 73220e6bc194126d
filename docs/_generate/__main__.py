"""Write the generated pages of the reference: `python docs/_generate`."""

from __future__ import annotations

from pathlib import Path

import access
import command_line
import errors
import http_api
import protocol_file
import rules
import settings

REFERENCE = Path(__file__).parents[1] / "reference"
PAGES = {
    "access": access.page,
    "command-line": command_line.page,
    "errors": errors.page,
    "http": http_api.page,
    "protocol-file": protocol_file.page,
    "rules": rules.page,
    "settings": settings.page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / f"{name}.md").write_bytes(page().encode())
