"""The documentation's site: `make docs` builds it into build/docs; a warning is an error."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "planflow"
author = "The planflow authors"
project_copyright = "The planflow authors, Apache-2.0"
version = release = version_of("planflow")

extensions = ["myst_parser"]
exclude_patterns = ["_generate"]
nitpicky = True
myst_heading_anchors = 3  # pages link to each other's headings

html_theme = "furo"
html_title = f"planflow {version}"
html_show_sphinx = False
