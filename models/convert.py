"""A safetensors folder into a quantized GGUF, by the converter of llama.cpp's own tree.

The converter travels in the source package of llama-cpp-python; it is fetched once, checked and kept. It runs in a
child that is told to stay offline, and sees only the weights and their descriptions: code lying in the folder is left
out, because the converter would let it run.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.errors import ConversionFailed, DownloadFailed
from models.gguf_file import read_gguf
from models.sources import refuse_full_disk, sha256_of

_KEPT_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja"})
_Q4_SHARE = 0.35  # of the 16-bit size: 4.85 bits of 16, and the tensors that stay larger


@dataclass(frozen=True, slots=True)
class ConverterSettings:
    """`cache` keeps the converter between imports; version and hash are those of llama-cpp-python's source package."""

    cache: Path
    version: str = "0.3.36"
    sdist_sha256: str = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
    quantization: str = "Q4_K_M"
    timeout_s: float = 6 * 3600


@dataclass(frozen=True, slots=True)
class Converted:
    weights: Path
    projector: Path | None


def is_safetensors_folder(path: Path) -> bool:
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


@contextmanager
def convert_safetensors(folder: Path, work: Path, name: str, settings: ConverterSettings) -> Iterator[Converted]:
    """The files live under `work` and only inside the with block."""
    refuse_missing_extra()
    full_bytes = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
    refuse_full_disk(work, int(full_bytes * (1 + 2 * _Q4_SHARE)))
    converter = _fetch_converter(settings)
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=work) as scratch:
        source = _without_code(folder, Path(scratch) / name)
        full, small = Path(scratch) / f"{name}-16bit.gguf", Path(scratch) / f"{name}-{settings.quantization}.gguf"
        _run_converter(converter, source, full, [], settings)
        projector = Path(scratch) / f"{name}-mmproj.gguf" if _has_vision(folder) else None
        if projector is not None:
            _run_converter(converter, source, projector, ["--mmproj"], settings)
        _quantize(full, small, settings)
        full.unlink()
        read_gguf(small)
        yield Converted(small, projector)


def refuse_missing_extra() -> None:
    missing = [name for name in ("torch", "transformers", "sentencepiece") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConversionFailed(
            f"Converting safetensors needs {' and '.join(missing)}, which are not installed; run:"
            f" {sys.executable} -m pip install 'webgen-appliance[vision]'"
        )


def _has_vision(folder: Path) -> bool:
    try:
        return "vision_config" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConversionFailed(f"'{folder / 'config.json'}' is not JSON; get the model folder again.") from error


def _without_code(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        if file.suffix in _KEPT_SUFFIXES and file.is_file():
            (target / file.name).symlink_to(file.resolve())
    return target


def _fetch_converter(settings: ConverterSettings) -> Path:
    kept = settings.cache / f"llama.cpp-{settings.version}"
    if kept.is_dir():
        return kept
    settings.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=settings.cache) as scratch:
        _unpack(_download_sdist(Path(scratch), settings), Path(scratch) / "tree")
        try:
            (Path(scratch) / "tree").rename(kept)
        except OSError:
            if not kept.is_dir():  # otherwise another import was quicker, with the same checked bytes
                raise
    return kept


def _download_sdist(folder: Path, settings: ConverterSettings) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "llama-cpp-python", "--quiet"]
    package = f"llama-cpp-python=={settings.version}"
    result = subprocess.run([*pip, "--dest", folder, package], capture_output=True, text=True, check=False)
    found = next(folder.glob("*.tar.gz"), None)
    if result.returncode != 0 or found is None:
        last = (result.stderr.strip().splitlines() or ["?"])[-1]
        raise DownloadFailed(f"The converter in the source package {package} could not be fetched ({last}); try again.")
    if sha256_of(found) != settings.sdist_sha256:
        raise DownloadFailed(f"The source package {package} has the wrong sha256, so its converter was not run.")
    return found


def _unpack(sdist: Path, target: Path) -> None:
    wanted = re.compile(r"[^/]+/vendor/llama\.cpp/((?:convert_hf_to_gguf\.py|LICENSE|conversion/|gguf-py/).*)")
    with tarfile.open(sdist) as archive:
        for member in archive:
            inner = wanted.match(member.name)
            content = archive.extractfile(member) if inner is not None and member.isfile() else None
            if inner is None or content is None or ".." in Path(inner[1]).parts:
                continue
            (target / inner[1]).parent.mkdir(parents=True, exist_ok=True)
            (target / inner[1]).write_bytes(content.read())


def _run_converter(
    converter: Path, source: Path, target: Path, options: list[str], settings: ConverterSettings
) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    environment = {**os.environ, **offline, "PYTHONPATH": str(converter / "gguf-py"), "PYTHONDONTWRITEBYTECODE": "1"}
    script = [sys.executable, str(converter / "convert_hf_to_gguf.py"), str(source), "--outfile", str(target)]
    _run([*script, "--outtype", "auto", *options], environment, "converted", source, settings)


def _quantize(full: Path, small: Path, settings: ConverterSettings) -> None:
    command = [sys.executable, "-m", "models.quantize", str(full), str(small), settings.quantization]
    _run(command, dict(os.environ), "quantized", full, settings)


def _run(command: list[str], environment: dict[str, str], verb: str, source: Path, settings: ConverterSettings) -> None:
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=settings.timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionFailed(f"'{source.name}' was not {verb} within {settings.timeout_s / 3600:g} hours.") from error
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConversionFailed(
            f"'{source.name}' could not be {verb} ({last}); check that the folder is complete and of a kind llama.cpp"
            " knows."
        )
