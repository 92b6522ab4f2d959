"""How Sphinx builds the documentation. Nothing here, and nothing that it loads, needs the network."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
sys.path.insert(0, str(HERE.parent))

project = "sweep"
author = "the authors of sweep"
project_copyright = "the authors of sweep, MIT licence"
release = installed_version("robustness-sweep")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated_reference",
]
exclude_patterns = ["_build", "_ext"]
suppress_warnings = ["ref.python"]  # the n of "shape (n,)" is no reference to the n of a class
smartquotes = False  # it would turn the two dashes of an option into one
default_role = "literal"
pygments_style = "friendly"
pygments_dark_style = "monokai"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90

html_theme = "furo"
html_title = "sweep"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
