"""The bill of materials: everything in a bundle by name, version, hash and licence, as CycloneDX 1.6 in JSON.

Written without a time and in one order, so that equal bundles have equal ones. Not in it: what the vendored editor was
built with, and the parts inside Debian's packages.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from appliance.bundle import sha256_of
from models.fetch import InstalledModel
from setup.debs import Deb
from setup.licences import debian_names, wheel_metadata

Kind = Literal["library", "application", "machine-learning-model", "data"]
_SPDX = re.compile(r"\(?[A-Za-z0-9.+-]+\)?( (AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)*")


@dataclass(frozen=True, slots=True)
class Component:
    """`origin` is the kind of package (`pypi`, `deb`, `npm`) or `model`, `asset`; `purl` is empty for the last two."""

    origin: str
    kind: Kind
    name: str
    version: str
    licence: str
    hashes: tuple[tuple[str, str], ...] = ()
    purl: str = ""
    is_spdx: bool = True


@dataclass(frozen=True, slots=True)
class Inventory:
    """`files` are the bundle's, by their path in it; licences of Debian packages are read from `copyrights`."""

    tree: Path
    files: Mapping[str, Path]
    debs: Sequence[Deb]
    models: Sequence[InstalledModel]
    has_npm_stack: bool
    copyrights: Mapping[str, str]

    def components(self) -> list[Component]:
        found = [
            *self._python(),
            *self._debian(),
            *(self._npm() if self.has_npm_stack else ()),
            *map(model_component, self.models),
            *vendored(self.tree),
        ]
        return sorted(found, key=lambda one: (one.origin, one.name, one.version))

    def _python(self) -> Iterator[Component]:
        for path in (source for name, source in self.files.items() if name.endswith(".whl")):
            yield python_component(path)

    def _debian(self) -> Iterator[Component]:
        for deb in self.debs:
            hashes = (("SHA-256", sha256_of(self.files[f"debs/{deb.plain}"])),)
            licence = debian_names(self.copyrights.get(f"licences/debian/{deb.name}.txt", ""))
            purl = f"pkg:deb/debian/{quote(deb.name)}@{quote(deb.version, safe='')}"
            yield Component("deb", "library", deb.name, deb.version, licence, hashes, purl, is_spdx=False)

    def _npm(self) -> Iterator[Component]:
        lock = json.loads((self.tree / "sandbox" / "stacks" / "vite-react" / "package-lock.json").read_text("utf-8"))
        for path, entry in lock["packages"].items():
            if path and "linux" in entry.get("os", ["linux"]):
                yield npm_component(path.rpartition("node_modules/")[2], entry)


def python_component(wheel: Path) -> Component:
    name, version, licence, is_spdx = wheel_metadata(wheel)
    plain = re.sub(r"[-_.]+", "-", name).lower()
    purl = f"pkg:pypi/{plain}@{quote(version, safe='')}"
    return Component("pypi", "library", plain, version, licence, (("SHA-256", sha256_of(wheel)),), purl, is_spdx)


def npm_component(name: str, entry: Mapping[str, Any]) -> Component:
    purl = f"pkg:npm/{quote(name)}@{entry['version']}"
    licence = str(entry.get("license", "see its package"))
    return Component("npm", "library", name, entry["version"], licence, _integrity(entry.get("integrity")), purl)


def model_component(model: InstalledModel) -> Component:
    hashes = (("SHA-256", model.weights.sha256),)
    return Component("model", "machine-learning-model", model.name, model.weights.name, model.licence, hashes)


def vendored(tree: Path) -> Iterator[Component]:
    """What is shipped inside the program's own files, each beside its licence text."""
    editor = json.loads((tree / "web_ui" / "editor" / "package-lock.json").read_text("utf-8"))["packages"]
    record = json.loads((tree / "web_ui" / "static" / "vendor" / "vendor.json").read_text("utf-8"))
    for name, entry in record["packages"].items():
        yield npm_component(name, {**editor[f"node_modules/{name}"], **entry})
    axe = json.loads((tree / "appliance" / "vendor" / "axe.json").read_text("utf-8"))
    yield npm_component(axe["name"], {**axe, "license": "MPL-2.0", "integrity": f"sha512-{axe['package_sha512']}"})
    for path in sorted((tree / "sandbox" / "kit" / "fonts").glob("*.json")):
        font = json.loads(path.read_text("utf-8"))
        yield Component("asset", "data", font["family"], font["version"], "OFL-1.1")
    yield Component("asset", "data", "Lucide icons", "", "ISC")
    yield Component("asset", "data", "WebGen-Bench briefs", "", "MIT")


def _integrity(value: str | None) -> tuple[tuple[str, str], ...]:
    if not value or not value.startswith("sha512-"):
        return ()
    return (("SHA-512", base64.b64decode(value.removeprefix("sha512-")).hex()),)


def sbom_text(components: Sequence[Component], tree: Path) -> str:
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    own = Component("pypi", "application", project["name"], project["version"], project["license"])
    unique = {_reference(one): one for one in components}
    table = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _entry(own)},
        "components": [_entry(one) for one in unique.values()],
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _reference(one: Component) -> str:
    return one.purl or f"{one.origin}:{one.name}@{one.version}"


def _entry(one: Component) -> dict[str, Any]:
    is_spdx = one.is_spdx and one.licence != "unknown" and _SPDX.fullmatch(one.licence)
    licence = {"expression": one.licence} if is_spdx else {"license": {"name": one.licence}}
    return {
        **{"type": one.kind, "bom-ref": _reference(one), "name": one.name},
        **({"version": one.version} if one.version else {}),
        **({"hashes": [{"alg": alg, "content": content} for alg, content in one.hashes]} if one.hashes else {}),
        **{"licenses": [licence]},
        **({"purl": one.purl} if one.purl else {}),
    }


def licence_list(components: Sequence[Component]) -> str:
    """One line per part: kind, name, version, licence, parted by tabs."""
    return "".join(f"{one.origin}\t{one.name}\t{one.version}\t{one.licence}\n" for one in components)
