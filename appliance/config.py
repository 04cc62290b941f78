"""Settings of the appliance: a TOML file, then the environment, then flags. Only this file reads either.

`config.toml` lies in the data folder. Environment names are `APPLIANCE_` and the key in capitals, sections joined by
`__`: `APPLIANCE_GENERATE__STEPS=12`. Unknown keys are errors; every value knows where it comes from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec
import platformdirs

from appliance.errors import ConfigError

_ENVIRONMENT = "APPLIANCE_"
_HOME = "APPLIANCE_HOME"
_OWN_NAMES = {_HOME}


@dataclass(frozen=True, slots=True)
class GenerateSettings:
    """What `generate` does when nothing else is said. 0 means: as the profile says."""

    model: str = "qwen2.5-coder-1.5b"
    """The installed model that writes; `appliance models list` names those that are here."""
    profile: str = ""
    """How the model is used. Empty means the profile that the model's catalog entry names."""
    stack: Literal["static", "vite-react"] = "static"
    """What kind of site is written: plain HTML, CSS and JavaScript, or React with a build."""
    steps: int = 0
    """The most steps that a site gets."""
    drafts: int = 0
    """How many drafts of the first step are written together."""
    context_tokens: int = 0
    """How many tokens the model may have before it: brief, files and answer together."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where the model runs."""

    gpu_layers: int = -1
    """How many layers lie on the graphics card. -1: by the memory plan. 0: everything on the CPU."""
    threads: int = 0
    """Threads of the local engine. 0: one for each physical core."""
    at_once: int = 1
    """Runs that the worker has in hand at a time. One waits for its browser while another writes, and what several
    write is computed together: more sites an hour, each of them later."""
    base_url: str = ""
    """An OpenAI-compatible endpoint instead of the local engine, or several of one model, separated by commas."""
    remote_model: str = ""
    """The name by which that endpoint knows the model; needed with `engine.base_url`."""
    remote_context_tokens: int = 32768
    """The context that the endpoint serves the model with."""
    remote_sees: bool = False
    """Whether the remote model can be shown pictures."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Who looks and clicks. A model does so only for roles in which `appliance models check` qualified it."""

    model: str = ""
    """An installed model, at best one that sees; empty: the model that writes."""
    votes: int = 1
    """How often each opinion is asked for; the median counts."""
    pairwise: bool = False
    """Whether a repair looks better is decided by showing both pages, in both orders, instead of by two grades. Only
    where a model looks."""


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What one site may use while it runs."""

    memory_mib: int = 1024
    """Memory of a site's container in MiB."""
    pids: int = 256
    """Processes and threads that a site may have at once."""
    cpus: float = 2.0
    """Processors' worth of time that a site may use."""
    run_untrusted_code_without_minimum_walls: bool = False
    """Run what models wrote even where this machine lacks walls that every site must have (docs/sandbox.md)."""


@dataclass(frozen=True, slots=True)
class UiSettings:
    """Where `appliance serve` listens. On any address but loopback it wants a password and TLS files."""

    host: str = "127.0.0.1"
    """The address to listen on; others can reach any but 127.0.0.1."""
    port: int = 8731
    """The interface's own port."""
    preview_port: int = 8732
    """Sites are shown from this port, never from the interface's own origin."""
    names: str = ""
    """Host names, separated by commas, by which the interface may be called besides its address and localhost."""
    tls_cert: str = ""
    """The certificate's file (PEM)."""
    tls_key: str = ""
    """The file of its private key (PEM)."""
    threads: int = 96
    """Requests that are answered at once; each open page that watches a run holds one."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What nights may learn from."""

    record: bool = True
    """Keep the tokens of every turn of a local model, and how likely each was; a few kilobytes a turn."""
    learn_from_sites: bool = False
    """The owner's consent: sites that people asked for are training data too, not only the nights' own."""
    briefs: int = 8
    """How many briefs a night makes sites of, to learn from."""
    gate_briefs: int = 8
    """How many held-out briefs a new adapter is compared on."""
    gate_seeds: int = 2
    """How many sites of each held-out brief both sides make."""
    updates: int = 2
    """How many updates a night makes."""
    lessons: Literal["auto", "warm start", "step grpo", "both"] = "auto"
    """Whether updates imitate the best or follow the step rewards; `auto` goes by the stage, `both` does one of the
    first and then the other."""
    max_tokens: int = 0
    """Most tokens of a reply on a night; 0: as the profile says."""
    learning_rate: float = 1e-5
    """Of updates that follow the step rewards; those that imitate take ten times as much."""
    rank: int = 32
    """The adapter's rank: how much an adapter can hold, and how large it is."""
    max_watts: float = 0.0
    """What a graphics card may draw while it trains, in watts; 0: whatever it likes."""
    base: Literal["auto", "gguf", "int8", "bf16", "nf4", "fp32"] = "auto"
    """What the trainer keeps the frozen weights in; `auto` takes the served blocks where they fit."""


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """Who makes the sites that wait in the worker's queue (docs/scale.md)."""

    executor: Literal["here", "pool", "ray"] = "here"
    """`here`: the worker, one at a time. `pool`: processes of this machine. `ray`: every box of a Ray cluster."""
    places: int = 2
    """How many sites `pool` makes at once."""
    ray_address: str = "127.0.0.1:6379"
    """The head of the Ray cluster that `ray` asks."""
    retries: int = 3
    """How often a site is begun again whose process or box was lost."""


@dataclass(frozen=True, slots=True)
class Config:
    home: Path
    generate: GenerateSettings = field(default_factory=GenerateSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    ui: UiSettings = field(default_factory=UiSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Profiles of one's own, `[profiles.NAME]` in the file."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A value of the configuration and who set it: `default`, the file's path, or the variable's name."""

    key: str
    value: Any
    origin: str


def data_folder(environment: Mapping[str, str]) -> Path:
    """Where everything lives; absolute."""
    if chosen := environment.get(_HOME):
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("appliance", appauthor=False))


def load_config(environment: Mapping[str, str]) -> tuple[Config, list[Origin]]:
    """Raises ConfigError with the key and the place it was set."""
    home = data_folder(environment)
    path = home / "config.toml"
    layers = [(str(path), _flat(_file(path))), *_variables(environment)]
    profiles: dict[str, dict[str, Any]] = {}
    values: dict[str, tuple[Any, str]] = {}
    for origin, layer in layers:
        for key, value in layer.items():
            if key.startswith("profiles."):
                _, name, setting = (*key.split(".", 2), "")[:3]
                profiles.setdefault(name, {})[setting] = value
            elif key not in _KEYS:
                raise ConfigError(
                    f"{origin} sets {key!r}, which is no setting; `appliance config show` lists them all."
                )
            else:
                values[key] = (_typed(key, value, origin), origin)
    config = Config(home=home, profiles=profiles, **{name: _section(name, values) for name in _SECTIONS})
    origins = [Origin("home", str(home), _HOME if environment.get(_HOME) else "default")]
    for key in _KEYS:
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        origins.append(Origin(key, value, values[key][1] if key in values else "default"))
    return config, origins


def _sections() -> dict[str, type]:
    hints = get_type_hints(Config)
    return {f.name: hints[f.name] for f in fields(Config) if is_dataclass(hints[f.name])}


_SECTIONS = _sections()
_KEYS = {f"{section}.{name}": hint for section, cls in _SECTIONS.items() for name, hint in get_type_hints(cls).items()}


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:  # numbers without end and nesting without end are no TOML errors
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat


def _variables(environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, {name.removeprefix(_ENVIRONMENT).lower().replace("__", "."): value})
        for name, value in sorted(environment.items())
        if name.startswith(_ENVIRONMENT) and name not in _OWN_NAMES and not name.startswith(_ENVIRONMENT + "_")
    ]


def _typed(key: str, value: Any, origin: str) -> Any:
    """Variables are strings; a file's values must already have the right type."""
    try:
        return msgspec.convert(value, _KEYS[key], strict=not isinstance(value, str))
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise ConfigError(f"{origin} sets {key} to {str(value)[:80]!r}: {error}.") from error


def _section(name: str, values: Mapping[str, tuple[Any, str]]) -> Any:
    own = {key.split(".")[1]: value for key, (value, _) in values.items() if key.startswith(f"{name}.")}
    return _SECTIONS[name](**own)
