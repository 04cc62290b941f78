"""What a `vite-react` site may import, and what is supplied when it leaves something out.

Nothing is installed at run time: the image carries one tree at `/node_modules`. A package that is not in it is refused
before anything runs, with the list of those that are; another version than the one asked for is used and said.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from sandbox.errors import PackageRefused

SOURCES = (".js", ".jsx", ".mjs", ".ts", ".tsx", ".css")
_IMPORT = re.compile(
    r"""(?:\bimport\s++(?:NAMES\bfrom\s*+)?|\bexport\s++NAMES\bfrom\s*+|\b(?:require|import)\s*+\(\s*+)["']([^"'\n]+)["']"""
    # Bounded: `import` may be followed by an endless run of names.
    .replace("NAMES", r"""(?:(?!\bfrom\s*["'])[\w*{}\s,$]){1,2000}""")
)
_STYLE_IMPORT = re.compile(r"""@import\s+(?:url\()?["']([^"'\n]+)["']""")
_VITE_CONFIGS = tuple(f"vite.config.{ending}" for ending in ("js", "mjs", "ts", "cjs", "mts", "cts"))
_ENTRIES = ("src/main.jsx", "src/main.tsx", "src/index.jsx", "src/index.tsx", "src/main.js", "src/main.ts")
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Site</title>
  </head>
  <body>
    <div id="root"></div>
    <script type="module" src="/{entry}"></script>
  </body>
</html>
"""
# Relative addresses let the built site run from any folder. The model's own configuration is never run.
_VITE_CONFIG = """import react from "@vitejs/plugin-react";
import tailwind from "@tailwindcss/vite";

export default { base: "./", plugins: [react(), tailwind()] };
"""


@dataclass(frozen=True, slots=True)
class Project:
    """`files` as they are to be run; `notes` say in words what was supplied or taken in another version."""

    files: dict[str, bytes]
    notes: tuple[str, ...]


def baked_packages() -> dict[str, str]:
    """Name and version of every package that may be imported."""
    manifest = json.loads(files("sandbox").joinpath("stacks", "vite-react", "package.json").read_text("utf-8"))
    return {**manifest["dependencies"], **manifest["devDependencies"]}


def allowed_packages() -> tuple[str, ...]:
    return tuple(sorted(baked_packages()))


def complete_project(site: Mapping[str, bytes], *, silent_config: bool = False) -> Project:
    """Check the imports and supply what every Vite project needs. Raises PackageRefused.

    `silent_config` leaves the site's own configuration where it is, and unsaid that Vite takes the supplied
    `vite.config.js` before any other spelling: the reference's way, to be compared with.
    """
    _refuse_unbaked(site)
    project, notes = dict(site), list(_version_notes(site))
    for path in _VITE_CONFIGS if not silent_config else ():
        if project.pop(path, None) is not None:
            notes.append(f"{path} was replaced by the appliance's own configuration")
    if not silent_config or "vite.config.js" not in project:
        project["vite.config.js"] = _VITE_CONFIG.encode()
    project["package.json"] = files("sandbox").joinpath("stacks", "vite-react", "package.json").read_bytes()
    if "index.html" not in project and (entry := next((path for path in _ENTRIES if path in project), None)):
        project["index.html"] = _PAGE.format(entry=entry).encode()
        notes.append("index.html was supplied")
    return Project(project, tuple(notes))


def imported_packages(site: Mapping[str, bytes]) -> dict[str, str]:
    """Bare imports: package → the first file that names it."""
    found: dict[str, str] = {}
    for path, content in sorted(site.items()):
        if path.endswith(SOURCES) and not path.startswith("public/") and path not in _VITE_CONFIGS:
            for name in _bare_names(path, content.decode("utf-8", "replace")):
                found.setdefault(name, path)
    return found


def _bare_names(path: str, text: str) -> Iterator[str]:
    pattern = _STYLE_IMPORT if path.endswith(".css") else _IMPORT
    for specifier in pattern.findall(text):
        if specifier.startswith((".", "/", "@/", "http:", "https:", "data:", "node:", "virtual:", "\0")):
            continue
        parts = specifier.split("/")
        yield "/".join(parts[:2]) if specifier.startswith("@") else parts[0]


def _refuse_unbaked(site: Mapping[str, bytes]) -> None:
    absent = {name: path for name, path in imported_packages(site).items() if name not in baked_packages()}
    if absent:
        named = ", ".join(f"{name} (in {path})" for name, path in sorted(absent.items()))
        raise PackageRefused(f"These packages do not exist here: {named}; use only {', '.join(allowed_packages())}.")


def _version_notes(site: Mapping[str, bytes]) -> Iterator[str]:
    try:
        manifest = json.loads(site.get("package.json", b"{}"))
        asked = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
    except (ValueError, AttributeError, TypeError, RecursionError):
        yield "package.json could not be read and was replaced"
        return
    baked = baked_packages()
    for name, wish in sorted(asked.items()):
        if name in baked and re.sub(r"\D.*", "", str(wish).lstrip("^~>=v ")) not in ("", baked[name].split(".")[0]):
            yield f"{name}: {wish} was asked for, {baked[name]} is used"
