"""Settings of Sphinx, and the pages that are generated before each build."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from reference_pages import write_pages  # noqa: E402 - the path is set above

import shotladder  # noqa: E402

project = "shotladder"
author = "The shotladder maintainers"
version = release = shotladder.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "alabaster"
html_theme_options = {"description": "Per-shot ladders, and what viewers get", "fixed_sidebar": True}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
# links to files of the repository are correct in the repository; the tests check them
suppress_warnings = ["myst.xref_missing"]

write_pages(HERE / "_generated")


def escape_references(_app, _kind, _name, _object, _options, lines):
    """Write the references of numpydoc as text, since several docstrings of a page have a reference [1], and |x|."""
    for number, line in enumerate(lines):
        plain = re.sub(r"^( *)\.\. \[(\d+)\]", r"\1\\[\2\\]", line)
        plain = re.sub(r"\[(\d+)\]_", r"\\[\1\\]", plain)
        lines[number] = re.sub(r"(?<![\w`\\])\|(?=\S)", r"\\|", plain)


def setup(app):
    """Register what changes docstrings."""
    app.connect("autodoc-process-docstring", escape_references)
