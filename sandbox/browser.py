"""A new Chromium for one site: its own sandbox on, a fresh profile, and no way to anything but that site.

Not here: a limit on Chromium's own memory, and a wall below the browser; the fence is the browser's own policy.
"""

import base64
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from selenium.common.exceptions import (
    InvalidSessionIdException,
    NoSuchWindowException,
    SessionNotCreatedException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver import Remote
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from urllib3.exceptions import HTTPError

from sandbox.errors import BrowserCrashed, BrowserMissing, BrowserRefused, ScriptFailed
from sandbox.folders import remove_folder
from sandbox.no_ipv6 import without_ipv6
from sandbox.owners import Owner
from sandbox.page_events import NetworkReader, PageEvent, console_events
from sandbox.page_scripts import ANSWER_DIALOGS, SETTLE, SHOW_ALL

__all__ = ["Browser", "BrowserSettings", "PageEvent", "PageLoad"]

PROFILE_PREFIX = "webgen-browser-"
WORLD = "appliance"
POLL_S = 0.025
CLIENT_GRACE_S = 10
SCREENS_SCROLLED = 20
DENIED = (
    "notifications geolocation media_stream media_stream_mic media_stream_camera midi_sysex clipboard popups "
    "automatic_downloads protocol_handlers sensors serial_guard usb_guard hid_guard bluetooth_guard"
)
EMPTY_START = {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]}
"""Instead of the new tab's page, which costs as much as all the rest of a start."""
FLAGS = (
    "--headless=new --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run --no-default-browser-check "
    "--disable-background-networking --disable-component-update --disable-sync --disable-extensions "
    "--disable-default-apps --disable-breakpad --disable-crash-reporter --metrics-recording-only --mute-audio "
    "--password-store=basic --disable-features=Translate,MediaRouter,OptimizationHints,DialMediaRouteProvider,"
    # Pages that Chromium draws its own address bar with, made ready at each start.
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup "
    "--webrtc-ip-handling-policy=disable_non_proxied_udp --force-webrtc-ip-handling-policy"
)


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    chromium: str = ""
    """Empty: the one on the PATH when the browser starts."""
    chromedriver: str = ""
    page_timeout_s: int = 20
    quiet_timeout_s: float = 3.0
    """How long to wait after the load event for requests still under way."""
    profiles_in: Path = Path("/tmp")
    """Short, because Chromium makes sockets below it."""
    accept_dialogs: bool = False
    """What confirm() answers; alert and prompt are always dismissed."""


@dataclass(frozen=True, slots=True)
class PageLoad:
    url: str
    status: int | None
    """HTTP status of the document; None when none arrived."""
    seconds: float
    title: str
    events: tuple[PageEvent, ...]
    timed_out: bool = False


class Browser:
    """Opens paths of `origin` alone. After `BrowserCrashed` the next `open` starts a new Chromium."""

    def __init__(self, settings: BrowserSettings, origin: str) -> None:
        self.settings = settings
        self.origin = origin.rstrip("/")
        self._session: Session | None = None
        self._size = (1280, 800)

    def __enter__(self) -> Self:
        self._session = Session(self.settings, self.origin)
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def open(self, path: str = "/", width: int = 1280, height: int = 800) -> PageLoad:
        """Waits for load, fonts, two frames and a quiet network; a page that never ends loading is data.

        Such a page answers nothing more: until the next `open`, every call raises `BrowserCrashed`.
        """
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"The path {path!r} must start with one slash.")
        self.revive()
        session = self._living_session()
        self.resize(width, height)
        session.begin_page()
        started = time.monotonic()
        url = self.origin + path
        if not session.go(url):
            return PageLoad(url, None, time.monotonic() - started, "", (), timed_out=True)
        session.settle()
        return PageLoad(
            url=url,
            status=session.network.document_status,
            seconds=time.monotonic() - started,
            title=str(session.evaluate("return document.title")),
            events=session.drain(),
        )

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        session = self._living_session()
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        session.command("Emulation.setDeviceMetricsOverride", metrics)
        session.command("Emulation.setTouchEmulationEnabled", {"enabled": mobile})
        self._size = (width, height)

    def settle(self) -> None:
        """After a click or a new size: fonts, two frames, and no request under way."""
        self._living_session().settle()

    def evaluate(self, script: str, *args: Any) -> Any:
        """Runs a function body that may `return` and `await`; `arguments` holds the JSON-able args.

        It sees the page's document but not its variables, and the page cannot tamper with what it calls.
        """
        return self._living_session().evaluate(script, *args)

    def events(self) -> tuple[PageEvent, ...]:
        """What happened since the last call or since `open` returned."""
        return self._living_session().drain()

    def screenshot(self, *, full_page: bool = True, max_height: int = 12_000) -> bytes:
        session = self._living_session()
        width, height = self._size
        if full_page:
            session.evaluate(SHOW_ALL, SCREENS_SCROLLED)
            size = session.command("Page.getLayoutMetrics", {})["cssContentSize"]
            height = max(height, min(int(size["height"]), max_height))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        if not full_page:
            scrolled = session.command("Page.getLayoutMetrics", {})["cssVisualViewport"]
            clip |= {"x": scrolled["pageX"], "y": scrolled["pageY"]}
        shot = session.command("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip})
        return base64.b64decode(shot["data"])

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def life(self) -> object:
        """Another object after every new start of Chromium, which knows nothing of earlier settings."""
        return self._living_session()

    @property
    def folder(self) -> Path:
        """Readable to Chromium and removed with it."""
        return self._living_session().folder

    @property
    def main_frame(self) -> str:
        return self._living_session().main_frame

    @property
    def is_quiet(self) -> bool:
        """Whether no request was under way when the events were last read."""
        return self._living_session().network.is_quiet

    def command(self, name: str, params: Mapping[str, Any], timeout_s: float | None = None) -> Any:
        """One command of the DevTools protocol. Raises ScriptFailed where Chromium refuses it or the page left."""
        return self._living_session().limited_command(name, params, timeout_s)

    def forget(self) -> None:
        """Clears what the site stored in this browser: cookies, storage, caches, workers."""
        self.command("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": "all"})

    def _living_session(self) -> "Session":
        if self._session is None:
            raise BrowserCrashed("The browser is closed; open it with `with Browser(...)`.")
        if self._session.is_lost:
            raise BrowserCrashed("The page hangs or its tab died; open it again.")
        return self._session

    def revive(self) -> None:
        """A new Chromium if the last one is lost; `open` does it by itself."""
        if self._session is not None and self._session.is_lost:
            self._session.close()
            self._session = Session(self.settings, self.origin)
            self._session.__enter__()


class Session:
    """One life of Chromium and its driver."""

    def __init__(self, settings: BrowserSettings, origin: str) -> None:
        self._settings = settings
        self._origin = origin
        self._stack = ExitStack()
        self.main_frame = ""
        self.folder = Path()
        self._events: list[PageEvent] = []
        self.is_lost = True
        """Until it has started, and again once it hangs or died."""

    def __enter__(self) -> Self:
        chromium, chromedriver = find_programs(self._settings)
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp("", f"{PROFILE_PREFIX}{Owner.this_process()}-", self._settings.profiles_in))
            stack.callback(remove_folder, folder)
            self.folder = folder
            nowhere = stack.enter_context(socket.socket())
            # Bound but never listening: the proxy's address refuses every connection, and nobody else can take it.
            nowhere.bind(("127.0.0.1", 0))
            service = start_driver(chromedriver, folder)
            stack.callback(end_driver, service)
            options = chromium_options(chromium, folder, self._origin, nowhere.getsockname()[1])
            executor = self._executor(service)
            stack.callback(executor.close)
            self._driver = connect(executor, options)
            self._prepare()
            self._stack = stack.pop_all()
        self.is_lost = False
        return self

    def close(self) -> None:
        self._stack.close()

    def _executor(self, service: Service) -> ChromiumRemoteConnection:
        timeout_s = self._settings.page_timeout_s + CLIENT_GRACE_S
        direct = Proxy({"proxyType": ProxyType.DIRECT})
        self._client = ClientConfig(remote_server_addr=service.service_url, timeout=timeout_s, proxy=direct)
        return ChromiumRemoteConnection(service.service_url, "goog", "chrome", client_config=self._client)

    def _prepare(self) -> None:
        self._driver.set_page_load_timeout(self._settings.page_timeout_s)
        self.main_frame = self.command("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
        self.network = NetworkReader(self.main_frame, self._origin)
        self.command("Browser.setDownloadBehavior", {"behavior": "deny"})
        answer = "true" if self._settings.accept_dialogs else "false"
        source = ANSWER_DIALOGS % answer
        self.command("Page.addScriptToEvaluateOnNewDocument", {"source": source})

    def begin_page(self) -> None:
        self.drain()
        self.network.begin_page()

    def go(self, url: str) -> bool:
        """Whether loading came to an end in time, well or badly."""
        before = self._url()
        try:
            if not before:
                self._leave_restless_page()
            self._guarded(lambda: self._driver.get(url))
            if before and before != unquote(url) and self._url() in ("", before):
                self._leave_restless_page()
                self._guarded(lambda: self._driver.get(url))
        except TimeoutException:
            # A script without end holds the tab, and with it every later command.
            self.is_lost = True
            return False
        except WebDriverException as error:
            if "net::" not in str(error.msg):
                raise
        return True

    def _url(self) -> str:
        """Asked of the browser: no script of the page can answer for it. Empty while it navigates."""
        try:
            history = self.command("Page.getNavigationHistory", {})
        except TimeoutException:
            return ""
        return unquote(history["entries"][history["currentIndex"]]["url"])

    def _leave_restless_page(self) -> None:
        """A page that reloads itself for ever undoes the leaving of it, unless its scripts are held."""
        self.command("Emulation.setScriptExecutionDisabled", {"value": True})
        self._guarded(lambda: self._driver.get("about:blank"))
        self.command("Emulation.setScriptExecutionDisabled", {"value": False})

    def settle(self) -> None:
        self.evaluate(SETTLE)
        until = time.monotonic() + self._settings.quiet_timeout_s
        self._collect()
        while not self.network.is_quiet and time.monotonic() < until:
            time.sleep(POLL_S)
            self._collect()

    def drain(self) -> tuple[PageEvent, ...]:
        self._collect()
        events, self._events = tuple(self._events), []
        return events

    def _collect(self) -> None:
        network = self._log("performance")
        console = self._log("browser")
        self._events += [*self.network.read(network), *console_events(console)]

    def _log(self, kind: str) -> Any:
        return self._guarded(lambda: self._driver.execute("getLog", {"type": kind})["value"])

    def command(self, name: str, params: Mapping[str, Any]) -> Any:
        call = {"cmd": name, "params": params}
        return self._guarded(lambda: self._driver.execute("executeCdpCommand", call)["value"])

    def limited_command(self, name: str, params: Mapping[str, Any], timeout_s: float | None) -> Any:
        usual_s = self._client.timeout
        self._client.timeout = timeout_s or usual_s
        try:
            return self.command(name, params)
        except WebDriverException as error:
            raise ScriptFailed(f"Chromium refused {name} ({first_line(error)}).") from error
        finally:
            self._client.timeout = usual_s

    def evaluate(self, script: str, *args: Any) -> Any:
        given = ", ".join(json.dumps(argument) for argument in args)
        try:
            world = self.command("Page.createIsolatedWorld", {"frameId": self.main_frame, "worldName": WORLD})
            answer = self.command(
                "Runtime.evaluate",
                {
                    "expression": f"(async function () {{\n{script}\n}})({given})",
                    "contextId": world["executionContextId"],
                    "awaitPromise": True,
                    "returnByValue": True,
                    "userGesture": True,
                },
            )
        except WebDriverException as error:
            raise ScriptFailed(
                f"The page left while a script ran in it ({first_line(error)}); open it again."
            ) from error
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"].get("exception", {})
            text = thrown.get("description") or thrown.get("value") or answer["exceptionDetails"]["text"]
            raise ScriptFailed(f"A script failed in the page: {str(text).splitlines()[0]}.")
        return answer["result"].get("value")

    def _guarded(self, call: Any) -> Any:
        """Translates the death of the tab, the browser or the driver."""
        try:
            return call()
        except TimeoutException:
            raise
        except (InvalidSessionIdException, NoSuchWindowException, HTTPError, OSError) as error:
            self.is_lost = True
            raise BrowserCrashed("Chromium died or hangs; open the page again.") from error
        except WebDriverException as error:
            if any(
                word in str(error.msg) for word in ("tab crashed", "disconnected", "not reachable", "session deleted")
            ):
                self.is_lost = True
                raise BrowserCrashed("The page crashed its tab; open it again.") from error
            raise


def find_programs(settings: BrowserSettings) -> tuple[str, str]:
    if os.geteuid() == 0:
        raise BrowserRefused("Chromium's sandbox does not work for root; start the appliance as an ordinary account.")
    chromium = settings.chromium or shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = settings.chromedriver or shutil.which("chromedriver")
    for program, name in ((chromium, "chromium"), (chromedriver, "chromium-driver")):
        if program is None or not Path(program).exists():
            raise BrowserMissing(f"{name} is not installed; run: sudo apt-get install {name}")
    return str(chromium), str(chromedriver)


def chromium_options(chromium: str, folder: Path, origin: str, dead_port: int) -> Options:
    options = Options()
    options.binary_location = chromium
    fence = [
        f"--proxy-server=http://127.0.0.1:{dead_port}",
        # Loopback is exempt from proxies unless told otherwise; then only the site itself is.
        f"--proxy-bypass-list=<-loopback>;{urlsplit(origin).netloc}",
    ]
    for flag in [*FLAGS.split(), *fence, f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(flag)
    denied = {f"profile.default_content_setting_values.{name}": 2 for name in DENIED.split()}
    options.add_experimental_option("prefs", {**denied, **EMPTY_START})
    # ChromeDriver lets pages open windows by themselves, which then run on unseen.
    options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.unhandled_prompt_behavior = "dismiss"
    return options


def start_driver(chromedriver: str, folder: Path) -> Service:
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "SE_OFFLINE": "true",
        "SE_AVOID_STATS": "true",
    }
    service = Service(chromedriver, env=env, popen_kw={"start_new_session": True, "preexec_fn": without_ipv6()})
    try:
        service.start()
    except WebDriverException as error:
        raise BrowserMissing(
            "ChromeDriver does not start; run: sudo apt-get install --reinstall chromium-driver"
        ) from error
    return service


def connect(executor: ChromiumRemoteConnection, options: Options) -> Remote:
    try:
        return Remote(command_executor=executor, options=options)
    except SessionNotCreatedException as error:
        raise not_started(str(error.msg)) from error


def end_driver(service: Service) -> None:
    # Nothing in the profile is worth an orderly end, and a hung page would not allow one.
    os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait()
    if service.process.stdin is not None:
        service.process.stdin.close()


def not_started(message: str) -> BrowserMissing | BrowserCrashed:
    if "only supports" in message:
        return BrowserMissing(
            "Chromium and ChromeDriver are of different versions; run: sudo apt-get install chromium chromium-driver"
        )
    return BrowserCrashed(
        f"Chromium did not start ({message.splitlines()[0]}); run: chromium --headless=new about:blank"
    )


def first_line(error: WebDriverException) -> str:
    return str(error.msg).splitlines()[0] if error.msg else type(error).__name__
