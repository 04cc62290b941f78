"""The running site of one run: container, preview and browser, opened when first needed and kept for all its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self, TypeVar

from appliance.audit import DESKTOP_HEIGHT, DESKTOP_WIDTH, audit
from appliance.regressions import regressions
from appliance.replay import Replay
from appliance.steps import Audit, Exploration, Files, Finding, Observation
from sandbox.browser import Browser
from sandbox.container import CommandResult, Container, Wall
from sandbox.errors import BrowserCrashed, ContainerGone, PackageRefused
from sandbox.packages import complete_project

T = TypeVar("T")
BUILD_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """`render_wait_s` is a fixed wait before looking; waiting for events makes it needless. `width` and `height` are
    of the desktop window, in CSS pixels. `silent_vite_config`: put the default configuration beside the coder's own,
    which it then shadows, and say nothing."""

    ready_timeout_s: float = 20.0
    render_wait_s: float = 0.0
    width: int = DESKTOP_WIDTH
    height: int = DESKTOP_HEIGHT
    silent_vite_config: bool = False


FIXED_SITE = SiteSettings()
FAITHFUL_SITE = SiteSettings(30.0, 3.0, 1024, 768, silent_vite_config=True)


class Rooms(Protocol):
    """Where sites run: real rooms come from `assembly`, local ones from the tests."""

    def container(self, stack: str) -> Container: ...

    def preview(self, container: Container) -> PreviewPort: ...

    def browser(self, url: str) -> AbstractContextManager[Browser]: ...


class PreviewPort(Protocol):
    @property
    def url(self) -> str: ...

    def wait_ready(self, timeout_s: float) -> object: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the site gave: the observation (without stored pictures) and the PNGs by name."""

    observation: Observation
    pictures: dict[str, bytes]
    files: Files
    """The files as they ran, supplied ones included."""
    built: Files = field(default_factory=dict)
    """What the build made of them; empty where there is no build."""


class Site:
    """`explore` exercises a page that passed the audit's gates; None leaves that out."""

    def __init__(
        self,
        rooms: Rooms,
        stack: str,
        stage: Callable[[str], None] = lambda _: None,
        explore: Callable[[Browser], Exploration] | None = None,
        settings: SiteSettings = FIXED_SITE,
    ) -> None:
        self._rooms, self._stack, self._stage, self._explore = rooms, stack, stage, explore
        self._settings = settings
        self._open = ExitStack()
        self._container: Container | None = None
        self._page: Browser | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._container = self._page = None
        self._open.close()

    @property
    def missing_walls(self) -> tuple[Wall, ...]:
        """Limits that this host does not give to the site; known once it is started."""
        return self._container.missing_walls if self._container else ()

    def start(self) -> None:
        """Open everything now, so that a missing part is told before minutes are spent on the model."""
        self._started()

    def look(self, files: Files, brief: str, replays: Sequence[Replay] = ()) -> Look:
        """Run the files and look at them. A browser or container that dies is replaced once."""
        try:
            return self._look(files, brief, replays)
        except (BrowserCrashed, ContainerGone):
            self.close()
            self._open = ExitStack()
        try:
            return self._look(files, brief, replays)
        except BrowserCrashed as error:
            self.close()
            self._open = ExitStack()
            return Look(Observation("page", error=f"the page crashed the browser: {error}"), {}, files)

    def visit(self, files: Files, work: Callable[[Browser], T]) -> T:
        """Do something on the running site of these files, built already where there is a build."""
        container, page = self._started()
        container.replace(files)
        page.forget()
        return work(page)

    def _look(self, files: Files, brief: str, replays: Sequence[Replay]) -> Look:
        notes: tuple[str, ...] = ()
        if self._stack == "vite-react":
            try:
                project = complete_project(files, silent_config=self._settings.silent_vite_config)
            except PackageRefused as refused:
                return Look(Observation("packages", error=str(refused)), {}, files)
            files, notes = project.files, project.notes
        if "index.html" not in files:
            return Look(Observation("write", error="there is no index.html", notes=notes), {}, files)
        container, page = self._started()
        self._stage("running")
        container.replace(files)
        dist: Files = {}
        if self._stack == "vite-react":
            built = container.exec(("vite", "build"), timeout_s=BUILD_TIMEOUT_S)
            if built.exit_code != 0:
                return Look(_build_failed(built, notes), {}, files)
            container.publish("dist")
            made = container.read()
            dist = {path.removeprefix("dist/"): content for path, content in made.items() if path.startswith("dist/")}
        self._stage("looking")
        page.forget()
        found, pictures = audit(page, brief, window=self._window, wait_s=self._settings.render_wait_s)
        seen = Observation("done", audit=found, error=_page_error(found), notes=notes)
        if self._explore is not None and not seen.error:
            self._stage("exploring")
            seen = replace(seen, exploration=self._explore(page))
        if replays and not seen.error:
            self._stage("replaying")
            seen = replace(seen, regressions=regressions(page, replays))
        return Look(seen, pictures, files, dist)

    @property
    def _window(self) -> tuple[int, int]:
        return self._settings.width, self._settings.height

    def _started(self) -> tuple[Container, Browser]:
        if self._container is None or self._page is None:
            self._stage("starting")
            self._container = self._open.enter_context(self._rooms.container(self._stack))
            preview = self._open.enter_context(self._rooms.preview(self._container))
            preview.wait_ready(self._settings.ready_timeout_s)
            self._page = self._open.enter_context(self._rooms.browser(preview.url))
        return self._container, self._page


def _build_failed(built: CommandResult, notes: tuple[str, ...]) -> Observation:
    if built.timed_out:
        error = f"the build took longer than {BUILD_TIMEOUT_S:.0f} s"
    elif built.out_of_memory:
        error = "the build ran out of memory"
    else:
        error = f"the build ended with exit code {built.exit_code}"
    return Observation("build", error=error, log=f"{built.stdout}\n{built.stderr}".strip(), notes=notes)


def _page_error(found: Audit) -> str:
    worst: Finding | None = next((finding for finding in found.findings if finding.severity == "error"), None)
    return f"{worst.kind}: {worst.evidence}" if worst else ""
