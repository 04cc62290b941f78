"""Rebuild what the interface takes from others: the style sheet, htmx with its event module, code editor and curves.

Run by hand when a version changes: `python web_ui/vendor.py`. Needs npm with its configured registry. `editor/` locks
every package by its hash; the outputs, their hashes and the licence texts are committed in `static/vendor`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "static" / "vendor"
TAKEN = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js",
    "pico.min.css": "@picocss/pico/css/pico.min.css",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
}
BUILT = ("curves.js", "editor.js")


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        for name in ("package.json", "package-lock.json", *BUILT):
            shutil.copy(HERE / "editor" / name, work / name)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=work, check=True)
        modules = work / "node_modules"
        for name, source in TAKEN.items():
            (TARGET / name).write_bytes(_without_map((modules / source).read_bytes()))
        for name in BUILT:
            _build(work, name)
        packages = _shipped(work)
        (TARGET / "LICENSES.txt").write_text(_licences(modules, packages), "utf-8")
    record = {"packages": packages, "files": {name: _sha512(TARGET / name) for name in sorted((*TAKEN, *BUILT))}}
    (TARGET / "vendor.json").write_text(json.dumps(record, indent=1) + "\n")


def _without_map(content: bytes) -> bytes:
    """Maps are not shipped, so that nothing may ask for them."""
    return b"\n".join(line for line in content.split(b"\n") if b"sourceMappingURL" not in line)


def _build(work: Path, name: str) -> None:
    esbuild = next(work.glob("node_modules/@esbuild/linux-*/bin/esbuild"))
    command = [str(esbuild), name, "--bundle", "--minify", "--format=esm", "--legal-comments=none", "--target=es2022"]
    subprocess.run([*command, f"--outfile={TARGET / name}", "--log-level=error"], cwd=work, check=True, env=os.environ)


def _shipped(work: Path) -> dict[str, dict[str, str]]:
    """Name → version and integrity of every package a part of which is shipped."""
    locked = json.loads((work / "package-lock.json").read_text())["packages"]
    return {
        path.removeprefix("node_modules/"): {"version": entry["version"], "integrity": entry["integrity"]}
        for path, entry in sorted(locked.items())
        if path and not entry.get("dev")
    }


def _licences(modules: Path, packages: dict[str, dict[str, str]]) -> str:
    parts = []
    for name, entry in packages.items():
        found = sorted(path for path in (modules / name).iterdir() if path.name.upper().startswith("LICEN"))
        if not found:
            raise ValueError(f"{name} carries no licence text.")
        parts.append(f"{name} {entry['version']}\n\n{found[0].read_text('utf-8').strip()}\n")
    return ("\n" + "-" * 80 + "\n\n").join(parts)


def _sha512(path: Path) -> str:
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


if __name__ == "__main__":
    main()
