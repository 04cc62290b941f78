"""Readers of people's files and of downloads: models, backups, settings, tests, conversations, pictures."""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from appliance.backup import MANIFEST as BACKUP_MANIFEST
from appliance.backup import check_backup
from appliance.brief import read_brief
from appliance.checklist import checklist_from_file, lines, told
from appliance.checklist_check import rules_items
from appliance.config import load_config
from appliance.delivery import receive
from appliance.errors import BackupRefused, BriefRefused, ConfigError, ExportRefused, UsageError
from appliance.likeness import read_likeness
from appliance.profiles import load_profiles
from appliance.schedule import read_schedule, read_time
from models.catalog import load_catalog
from models.errors import ModelFileCorrupt, PictureRefused
from models.fetch import MANIFEST, ModelShelf
from models.gguf_file import read_gguf
from models.picture import open_picture
from models.tiny import write_tiny_gguf
from sandbox.workspace import pack
from tests.fuzz.of_models import JSON_WORDS
from tests.fuzz.target import Target, text_of, words
from training.conversations import read_conversations


def _gguf(case: bytes, folder: Path) -> object:
    file = _put(folder / "model.gguf", case)
    front = read_gguf(file)
    told = front.architecture, front.is_projector, front.is_adapter, str(front.weights_bytes + front.parameters)
    return *told, str(front.number_or("block_count", 0))


def _config(case: bytes, folder: Path) -> object:
    _put(folder / "config.toml", case)
    config, origins = load_config({"APPLIANCE_HOME": str(folder)})
    load_profiles(config.profiles)
    return [(one.key, one.value) for one in origins]


def _variable(case: bytes, folder: Path) -> object:
    """The name of a setting, then its value."""
    name, _, value = case.decode("utf-8", "surrogateescape").partition("=")
    return load_config({"APPLIANCE_HOME": str(folder / "none"), f"APPLIANCE_{name}": value})[0].generate


def _tests(case: bytes, folder: Path) -> object:
    checklist = checklist_from_file(_put(folder / "tests.json", case))
    return checklist, lines(told(checklist))


def _brief(case: bytes, folder: Path) -> object:
    brief = read_brief(f"@{_put(folder / 'brief.txt', case)}")
    return brief, rules_items(brief)


def _conversations(case: bytes, folder: Path) -> object:
    return [len(talk) for talk in read_conversations(_put(folder / "talk.jsonl", case))]


def _backup(case: bytes, folder: Path) -> object:
    return check_backup(io.BytesIO(case), "backup.tar", folder / "backup")


def _delivery(case: bytes, folder: Path) -> object:
    with TemporaryDirectory(dir=folder) as room:
        receive(io.BufferedReader(io.BytesIO(case)), Path(room) / "out")  # type: ignore[arg-type]
    return None


def _likeness(case: bytes, folder: Path) -> object:
    return read_likeness(case, "picture").background


def _picture(case: bytes, folder: Path) -> object:
    return open_picture(case).size


def _shelf(case: bytes, folder: Path) -> object:
    (folder / "m").mkdir(exist_ok=True)
    _put(folder / "m" / MANIFEST, case)
    return ModelShelf(folder, load_catalog()).list()


def _window(case: bytes, folder: Path) -> object:
    window, _, days = text_of(case).partition(" ")
    return str(read_schedule(window, days or "daily")), str(read_time(window))


def _put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@cache
def _ggufs() -> tuple[bytes, ...]:
    """A front with its tensors, and one with a few values only: short cases reach the list of tensors."""
    with TemporaryDirectory() as folder:
        whole = write_tiny_gguf(Path(folder) / "tiny.gguf").read_bytes()
    key = b"general.architecture"
    few = b"GGUF" + b"\3\0\0\0" + _u64(1, 3) + _u64(len(key)) + key + b"\x08\0\0\0" + _u64(5) + b"qwen2"
    few += _u64(17) + b"qwen2.block_count" + b"\x06\0\0\0" + b"\0\0\x80\x3f"
    few += _u64(1) + b"a" + b"\x09\0\0\0" + b"\x04\0\0\0" + _u64(2) + bytes(8)
    few += _u64(1) + b"w" + b"\2\0\0\0" + _u64(32, 2) + b"\0\0\0\0" + _u64(0) + bytes(512)
    return few, whole[:12_000]


def _u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers)


def _backups() -> tuple[bytes, ...]:
    files = {"appliance.db": b"SQLite format 3\0", "nights/1/rollouts.json": b"[]", "config.toml": b""}
    kept = {name: {"size": len(text), "sha256": sha256(text).hexdigest()} for name, text in files.items()}
    told = {"format": 1, "program": "0.1.0", "made_at": "2026-01-01", "runs": 1, "files": kept, "models": {}}
    members = {BACKUP_MANIFEST: json.dumps(told).encode(), **files}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return (made.getvalue(),)


def _pictures() -> tuple[bytes, ...]:
    made = []
    for kind in ("PNG", "JPEG", "WEBP"):
        stream = io.BytesIO()
        Image.new("RGB", (20, 9), "teal").save(stream, kind)
        made.append(stream.getvalue())
    return tuple(made)


_TAR = (pack({"index.html": b"<p>", "css/a.css": b"x" * 700}),)
_CONFIG = (
    b'[generate]\nmodel = "x"\nsteps = 3\n[ui]\nport = 8731\n[profiles.mine]\nwriting = "page"\nstrategy = "drafts"\n'
    b"drafts = 2\nsteps = 3\ncontext_tokens = 4096\nmax_tokens = 900\ntemperature = 0.7\ntop_p = 0.9\n"
    b"repeat_penalty = 1.1\n"
)
_TOML_WORDS = (*words(r"[generate]\n|[profiles.|=|'''|\"|1e9|nan|[[|]]|[|\\u0000|{a="), b"9" * 5000)
_TESTS = (
    json.dumps([{"task": "Add a task", "expected": "It is shown.", "kind": "functional", "proof": "add"}]).encode(),
    json.dumps({"ui_instruct": [{"task": "See it", "expected_result": "Seen", "task_category": {}}]}).encode(),
    b'[[items]]\ntask = "Add"\nexpected = "Shown"\n',
)
_ROLES = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
_TALK = json.dumps({"messages": _ROLES}).encode() + b"\n\n" + json.dumps({"messages": _ROLES, "x": [1]}).encode()
_RECORD = json.dumps(
    {"name": "m", "role": "coder", "family": "f", "licence": "l", "profile": "small", "context_tokens": 4096}
    | {"origin": "url", "weights": {"name": "w.gguf", "size_bytes": 1, "sha256": "a"}, "projector": None}
).encode()

_VARIABLES = (b"GENERATE__STEPS=3", b"UI__PORT=1", b"ENGINE__REMOTE_SEES=true")
_BRIEFS = (b"A bakery with teal buttons. Users can add, edit and delete bread, and search for it.",)
_WINDOWS = (b"23:00-06:00 weekdays", b"1:00-5:30 mon,wed")

OF_FILES = (
    Target("gguf", _gguf, _ggufs(), (_u64(2**24), _u64(2**63), b"\x09\0\0\0", b"\x08\0\0\0"), (ModelFileCorrupt,)),
    Target("config", _config, (_CONFIG,), _TOML_WORDS, (ConfigError,)),
    Target("variable", _variable, _VARIABLES, (b"__", b"9" * 5000), (ConfigError,)),
    Target("checklist", _tests, _TESTS, (*JSON_WORDS, *_TOML_WORDS), (UsageError,)),
    Target("brief", _brief, _BRIEFS, words(r"teal|, |and |\xef\xbb\xbf|Users can |\n- "), (BriefRefused,)),
    Target("conversations", _conversations, (_TALK,), (*JSON_WORDS, b"\n"), (UsageError,)),
    Target("backup", _backup, _backups(), (b"..", b"nights/", b"9" * 60), (BackupRefused,)),
    Target("delivery", _delivery, _TAR, (b"../", b"/etc/x"), (ExportRefused,)),
    Target("likeness", _likeness, _pictures(), (b"IHDR", b"IDAT", b"\xff\xd8"), (UsageError,)),
    Target("picture", _picture, _pictures()[:2], (b"IHDR", b"IEND", b"\xff\xc0"), (PictureRefused,)),
    Target("model-record", _shelf, (_RECORD,), JSON_WORDS, (ModelFileCorrupt,)),
    Target("schedule", _window, _WINDOWS, (b":", b"-", b",", b"\xd9\xa3"), (UsageError,)),
)
