"""The JSON Schema of `presentation.json` and its page in the documentation, both generated from the structs.

`python -m shotladder.report.presentation_schema` writes both files after a change of the structs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from shotladder.report.presentation_format import Presentation
from shotladder.report.presentation_reader import FORMAT_VERSION, PRESENTATION, RENAMED_KEYS

__all__ = ["SCHEMA_FILE", "presentation_schema", "render_page", "render_schema"]

SCHEMA_FILE = Path(__file__).with_name("presentation.schema.json")

_INTRODUCTION = f"""# `presentation.json`, version {FORMAT_VERSION}

`shotladder encode` writes this document beside the manifests. `shotladder.load("out/")` reads it as a typed object. The
JSON Schema is [`presentation.schema.json`](../shotladder/report/presentation.schema.json). Every number was measured on
the files beside the document.

This page is generated from the schema by `python -m shotladder.report.presentation_schema`.
"""

_VERSIONS = """## Versions

Version 2 renames keys; the values are the same. `shotladder.load` and `abr.load_presentation` read both versions.

| version 1 | version 2 |
|---|---|
"""


def presentation_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12); its key `unit` is an annotation, which validators ignore."""
    schema = msgspec.json.schema(Presentation)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": PRESENTATION, **schema}


def render_schema() -> str:
    """Return the text of the schema's file."""
    return json.dumps(presentation_schema(), indent=1) + "\n"


def render_page() -> str:
    """Return the text of `docs/presentation.md`: a table of keys for each object of the schema."""
    objects = presentation_schema()["$defs"]
    # the document itself first, then its parts in alphabetical order
    names = ["Presentation", *sorted(set(objects) - {"Presentation"})]
    sections = [_render_object(name, objects[name]) for name in names]
    renamed = "".join(f"| `{old}` | `{new}` |\n" for old, new in RENAMED_KEYS.items())
    return "\n".join([_INTRODUCTION, *sections, _VERSIONS + renamed])


def _render_object(name: str, schema: dict[str, Any]) -> str:
    rows = []
    for key, value in schema["properties"].items():
        required = "" if key in schema["required"] else " Optional."
        unit = _find_unit(value) or ""
        rows.append(f"| `{key}` | {_render_type(value)} | {unit} | {value.get('description', '')}{required} |\n")
    head = "| key | type | unit | meaning |\n|---|---|---|---|\n"
    summary = schema["description"].split("\n\n")[0]
    return f"## {name}\n\n{summary}\n\n{head}{''.join(rows)}"


def _find_unit(schema: dict[str, Any]) -> str | None:
    """Return the unit of a value, or of the values that it contains."""
    inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())]
    units = [schema.get("unit"), *(_find_unit(each) for each in inner if isinstance(each, dict))]
    return next((unit for unit in units if unit), None)


def _render_type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_render_type(each) for each in schema["anyOf"])
    if "prefixItems" in schema:
        return "(" + ", ".join(_render_type(each) for each in schema["prefixItems"]) + ")"
    if schema["type"] == "array":
        return f"array of {_render_type(schema['items'])}"
    if schema["type"] == "object":
        return f"object of {_render_type(schema['additionalProperties'])}"
    return str(schema["type"])


if __name__ == "__main__":
    SCHEMA_FILE.write_text(render_schema())
    (SCHEMA_FILE.parents[2] / "docs" / "presentation.md").write_text(render_page())
