"""Rebuild the vendored third-party files of this project: fonts and icons of the kit, and the accessibility checker.

Run by hand when a version changes: `python sandbox/kit/vendor.py`. Needs npm with its configured registry.
Every package is refused unless its bytes have the SHA-512 written here; the outputs are committed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

KIT = Path(__file__).resolve().parent
AUDIT_VENDOR = KIT.parents[1] / "appliance" / "vendor"


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    sha512: str
    """Base64, as npm states it after `sha512-`."""


@dataclass(frozen=True, slots=True)
class Family:
    """One font family of the kit, and the package its faces come from."""

    slug: str
    family: str
    kind: str
    package: Package
    italic: bool = False


ICONS = Package(
    "lucide-static",
    "1.62.0",
    "WBZA/m2PvkFpMGHDtsBck5P2A9G4ehLlYu4GwwICcmEm1BvYVgj00lCDxKRWLlbMlOibLaiwdQ88G5pHkSWgwA==",
)
AXE = Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
FAMILIES = (
    Family(
        "inter",
        "Inter",
        "sans",
        Package(
            "@fontsource-variable/inter",
            "5.3.0",
            "OupL48va4JNofb97w6NYeF9S7W/kHNKM0Er8Dem5nqi4jeOLrVJDoE8tZEpnMJmtkvNbB1EIPPwHcdkF6b1oUA==",
        ),
    ),
    Family(
        "outfit",
        "Outfit",
        "display",
        Package(
            "@fontsource-variable/outfit",
            "5.3.0",
            "fPb5XnYK0k7SbR++HEmm4+ZqDszmLKQ+sPRUr8oQ/KNC0vy6r6hazJFe8iYozv4cqlHbvJ/JECkJWrfDodUMVQ==",
        ),
    ),
    Family(
        "lora",
        "Lora",
        "serif",
        Package(
            "@fontsource-variable/lora",
            "5.3.0",
            "2ph8KiZ8Bn141hWuC3ErtpJ+Ui8p2MJQn8TJNRSRmLmnCIOCtHfiBM9R7WLRPeUG/q6hXyHOxWQ8DvRSX+ixvQ==",
        ),
        italic=True,
    ),
    Family(
        "playfair-display",
        "Playfair Display",
        "display-serif",
        Package(
            "@fontsource-variable/playfair-display",
            "5.3.0",
            "IHdzTvE8eGIXHteZql7KXoqdc3Gfm+Zs1u4XlSC3MeplkwviT3sx/P6gI0tLwg/xIYLF4ZJYveZ5V+bl9cnDwA==",
        ),
    ),
    Family(
        "jetbrains-mono",
        "JetBrains Mono",
        "mono",
        Package(
            "@fontsource-variable/jetbrains-mono",
            "5.3.0",
            "F32xpS2NsGYoQi2ADSkKTgpJj7ozajsGgDJ8woTnqjmIB+dxDIqImjl4pXZVEExu8UFZ2ndhmX18EBS/hdz3Lw==",
        ),
    ),
)
SUBSETS = ("latin", "latin-ext")


def main() -> None:
    for family in FAMILIES:
        write_family(family, unpacked(family.package))
    write_icons(unpacked(ICONS))
    write_audit_rules(unpacked(AXE))


def unpacked(package: Package) -> dict[str, bytes]:
    """The package's files by their path inside it; raises ValueError if its bytes are not the pinned ones."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        archive = next(Path(folder).glob("*.tgz"))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != package.sha512:
            raise ValueError(f"{package.name}@{package.version} has SHA-512 {digest}, not the pinned one.")
        with tarfile.open(archive) as tar:
            return {
                member.name.removeprefix("package/"): handle.read()
                for member in tar.getmembers()
                if member.isfile() and (handle := tar.extractfile(member))
            }


def write_family(family: Family, files: dict[str, bytes]) -> None:
    """The faces as woff2, their description as JSON (the kit's style sheet is rendered from it), the licence."""
    folder = KIT / "fonts"
    folder.mkdir(exist_ok=True)
    faces = []
    for style in ("normal", "italic") if family.italic else ("normal",):
        sheet = files["wght.css" if style == "normal" else "wght-italic.css"].decode()
        for subset in SUBSETS:
            name = f"{family.slug}-{subset}-wght-{style}.woff2"
            target = f"{family.slug}-{subset}{'-italic' if style == 'italic' else ''}.woff2"
            (folder / target).write_bytes(files[f"files/{name}"])
            face = re.search(rf"@font-face \{{(?:(?!\}}).)*{re.escape(name)}.*?\}}", sheet, re.DOTALL)
            if face is None:
                raise ValueError(f"{family.package.name} does not describe {name}.")
            faces.append(
                {
                    "file": target,
                    "style": style,
                    "weight": _property(face[0], "font-weight"),
                    "range": _property(face[0], "unicode-range"),
                }
            )
    description = {"family": family.family, "kind": family.kind, "version": family.package.version, "faces": faces}
    (folder / f"{family.slug}.json").write_text(json.dumps(description, indent=1) + "\n")
    (folder / f"{family.slug}.LICENSE.txt").write_bytes(files["LICENSE"])


def _property(face: str, name: str) -> str:
    found = re.search(rf"{name}:\s*([^;]+);", face)
    if found is None:
        raise ValueError(f"A font face has no {name}.")
    return found[1].strip()


def write_icons(files: dict[str, bytes]) -> None:
    """The icons named in icons.txt, squeezed to one line each, and the words each is known by."""
    folder = KIT / "icons"
    folder.mkdir(exist_ok=True)
    tags: dict[str, list[str]] = json.loads(files["tags.json"])
    names = (KIT / "icons.txt").read_text().split()
    for name in names:
        (folder / f"{name}.svg").write_text(_one_line(files[f"icons/{name}.svg"].decode()) + "\n")
    words = {name: sorted(set(tags.get(name, []))) for name in sorted(names)}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(known)}" for name, known in words.items())
    (folder / "words.json").write_text("{\n" + lines + "\n}\n")
    (folder / "LICENSE.txt").write_bytes(files["LICENSE"])


def _one_line(svg: str) -> str:
    bare = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    bare = re.sub(r'\s+class="[^"]*"', "", bare, count=1)
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", bare)).replace(" >", ">").strip()


def write_audit_rules(files: dict[str, bytes]) -> None:
    AUDIT_VENDOR.mkdir(exist_ok=True)
    (AUDIT_VENDOR / "axe.min.js").write_bytes(files["axe.min.js"])
    (AUDIT_VENDOR / "axe.LICENSE.txt").write_bytes(files["LICENSE"])
    (AUDIT_VENDOR / "axe.LICENSE-3RD-PARTY.txt").write_bytes(files["LICENSE-3RD-PARTY.txt"])
    digest = base64.b64encode(hashlib.sha512(files["axe.min.js"]).digest()).decode()
    record = {"name": AXE.name, "version": AXE.version, "package_sha512": AXE.sha512, "file_sha512": digest}
    (AUDIT_VENDOR / "axe.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
