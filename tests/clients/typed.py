"""A typed Python client, generated from the OpenAPI document.

    python -m tests.clients.typed --output cdp_client [--url http://localhost:8000]

writes the package `cdp_client` (httpx and attrs, nothing else) into the folder. With --url the document of a running
product is read, without it the one that this checkout would serve. A warning of the generator is an error here: it
would mean that a part of the document cannot be used from typed code.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

_READABLE = ("application/json", "application/octet-stream", "application/x-www-form-urlencoded", "text/")


_OPTIONS = ("--meta", "none", "--overwrite", "--fail-on-warning")


def generate(*, output: Path, document: dict[str, Any]) -> None:
    """Write the client for a document; raises RuntimeError with what the generator complained of."""
    with tempfile.TemporaryDirectory() as folder:
        path, config = Path(folder) / "openapi.json", Path(folder) / "config.json"
        path.write_text(json.dumps(_prepared(document)))
        config.write_text(json.dumps({"post_hooks": [], "package_name_override": output.name}))
        files = ["--path", str(path), "--output-path", str(output), "--config", str(config)]
        done = subprocess.run(
            [sys.executable, "-m", "openapi_python_client", "generate", *files, *_OPTIONS],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or "WARNING" in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def _prepared(document: dict[str, Any]) -> dict[str, Any]:
    """Call what no types can be made of by names the generator knows: downloads are bytes, whatever they hold."""
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation.get("responses", {}).values():
                _rename(answer.get("content", {}), to="application/octet-stream", known=_READABLE)
            asked = operation.get("requestBody", {}).get("content", {})
            if "application/json" not in asked:
                _rename(asked, to="application/json", known=_READABLE[:3])
    return document


def _rename(content: dict[str, Any], *, to: str, known: tuple[str, ...]) -> None:
    for kind in [kind for kind in content if not kind.startswith(known) and not kind.endswith("+json")]:
        content[to] = content.pop(kind)


def own_document() -> dict[str, Any]:
    """Return the OpenAPI document that this checkout would serve."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiJsonRenderer

    found = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(OpenApiJsonRenderer().render(found, renderer_context={}))


def served_document(url: str) -> dict[str, Any]:
    """Return the OpenAPI document of a running product."""
    return httpx.get(f"{url.rstrip('/')}/openapi.json", timeout=60, trust_env=False).raise_for_status().json()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the package's folder; its name is the package's")
    parser.add_argument("--url", help="a running product")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("CDP_DATA_DIR", folder)
        generate(output=asked.output, document=served_document(asked.url) if asked.url else own_document())
    print(f"{asked.output}: {len(list(asked.output.rglob('*.py')))} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
