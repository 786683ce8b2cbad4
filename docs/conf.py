"""Configuration of the site, for Sphinx: ``make docs`` writes it to build/docs. All warnings are errors."""

from __future__ import annotations

import os
import pydoc
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

sys.path.insert(0, str(Path(__file__).parent))
import commands

if TYPE_CHECKING:
    from sphinx.environment import BuildEnvironment

import n6link

ROOT: Final = Path(__file__).resolve().parents[1]
logger: Final = logging.getLogger(__name__)

project = "n6link"
author = "the authors of n6link"
project_copyright = "the authors of n6link, Apache License 2.0"
release = version = n6link.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.programoutput"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
suppress_warnings = ["ref.python"]  # a type of a signature with the short name of two classes

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_custom_sections = [("Raises, on opening", "Raises")]
python_maximum_signature_line_length = 88
nitpicky = True  # a name in a docstring that does not exist is a warning; types of signatures may be of other packages
nitpick_ignore_regex = [("py:(class|exc|obj|data)", ".*")]

programoutput_prompt_template = "$ {command}\n{output}"
os.environ |= {"COLUMNS": "88", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "N6LINK_CONFIG": os.devnull + ".toml"}
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))

html_theme = "furo"
html_title = f"n6link {release}"
html_static_path = ["_static"]
html_css_files = ["n6link.css"]
html_show_sphinx = html_copy_source = False
exclude_patterns = ["reference/help.md"]

INCLUDED: Final = {
    "protocol.md": "reference/protocol",
    "firmware/README.md": "reference/firmware",
    "CONTRIBUTING.md": "explanation/contributing",
    "CHANGELOG.md": "reference/changelog",
    "README.md": "index",
}
"""Documents of the repository, and the page that includes each."""


def pages(app: Sphinx, doctree: nodes.document) -> None:
    """Links of pages to documents outside of docs/: to the page that includes the document."""
    for node in [each for each in doctree.findall(pending_xref) if each["refdomain"] == "doc"]:
        target = Path(app.srcdir, f"{node['reftarget']}.md").resolve()
        if target.is_relative_to(ROOT) and (page := INCLUDED.get(str(target.relative_to(ROOT)))):
            anchor = node.get("reftargetid")
            uri = app.builder.get_relative_uri(app.env.docname, page) + (f"#{anchor}" if anchor else "")
            node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=uri))


def documents(app: Sphinx, doctree: nodes.document) -> None:
    """Links of included documents to files of the repository: to the page that includes the file, else only its name."""
    docname = app.env.docname
    source = next((name for name, page in INCLUDED.items() if page == docname), "")
    for node in list(doctree.findall(pending_xref)) if source else []:
        path, _, anchor = node["reftarget"].partition("#")
        target = (ROOT / source).parent.joinpath(path).resolve()
        if node["reftype"] != "myst" or not path or not target.is_relative_to(ROOT) or not target.exists():
            continue  # Sphinx finds it, or it is an error
        text = node[0]
        if page := INCLUDED.get(str(target.relative_to(ROOT))):
            uri = app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")
            text = nodes.reference("", "", text, internal=True, refuri=uri)
        node.replace_self(text)


def object_of(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement) -> nodes.Node | None:
    """A name in a docstring: of n6link, of its module or complete. Without a page of its own it is only text."""
    name = node["reftarget"]
    module, class_ = node.get("py:module"), node.get("py:class")
    documented = env.domains["py"].objects
    exact = [prefix + name for prefix in ("n6link.", f"{module}.", f"{module}.{class_}.", "")]
    for each in (*exact, *(each for each in documented if each.endswith(f".{name}"))):
        if each in documented:
            entry = documented[each]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text)
    return text if any(map(pydoc.locate, exact)) else None


COLON: Final = "\N{RATIO}"
"""replaces the colon in the docstring of an attribute, whose first words would be its type"""


def before_napoleon(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Each public name has a docstring."""
    if not any(lines) and what not in {"attribute", "property"}:
        logger.warning("%s %s does not have a docstring", what, name)
    if what in {"attribute", "data", "property"}:
        lines[:] = [line.replace(": ", COLON + " ") for line in lines]


def after_napoleon(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """See :data:`COLON`."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def examine(app: Sphinx, error: Exception | None) -> None:
    """The finished site has every public name, and its pages load nothing from other hosts."""
    if error or app.builder.format != "html":
        return
    documented = {name for name, *_ in app.env.domains["py"].get_objects()}
    for name in n6link.__all__:
        object_ = getattr(n6link, name)
        if not {f"n6link.{name}", f"{getattr(object_, '__module__', 'n6link')}.{name}"} & documented:
            logger.warning("n6link.%s is not in the reference", name)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text()
        if found := re.search(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", text):
            logger.warning("%s loads %s", page, found[0])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    (ROOT / "docs" / "reference" / "help.md").write_text(commands.sections())
    app.connect("doctree-read", pages)
    app.connect("doctree-read", documents)
    app.connect("missing-reference", object_of)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
    app.connect("build-finished", examine)
