"""The interface as its users have it: the production server in a process of its own, and a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

AXE = (Path(__file__).parents[2] / "appliance" / "vendor" / "axe.min.js").read_text("utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(home, **variables):
    """The address of a started server."""
    port, preview_port = free_port(), free_port()
    environment = {
        **os.environ,
        "APPLIANCE_HOME": str(home),
        "APPLIANCE_UI__PORT": str(port),
        "APPLIANCE_UI__PREVIEW_PORT": str(preview_port),
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-m", "web_ui.server"], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with suppress(OSError):
                urllib.request.urlopen(address, timeout=5).close()
                break
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        assert process.wait(10) == 0


class Window:
    """A Chromium of one's own, with what the tests ask of it."""

    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def close(self):
        self.driver.quit()

    def cdp(self, method, **parameters):
        return self.driver.execute_cdp_cmd(method, parameters)

    def look(self, *, width=1280, height=900, dark=False, scripts=True):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[scheme])
        self.cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.open("about:blank")
        self.complaints()  # those of the page before

    def open(self, address):
        self.driver.get(address)

    def js(self, script, *values):
        return self.driver.execute_script(script, *values)

    def wait(self, script, *values, seconds=20):
        """Until the script returns something true; returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(Exception):
                if found := self.js(script, *values):
                    return found
            time.sleep(0.05)
        raise AssertionError(f"never came: {script}\n{self.js('return document.body.innerText')[:2000]}")

    def press(self, key, *, control=False):
        more = {"modifiers": 2} if control else {}
        code = 13 if key == "Enter" else ord(key.upper())
        text = {} if control or key == "Enter" else {"text": key}
        for kind in ("keyDown", "keyUp"):
            self.cdp("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more, **text)

    def complaints(self):
        """What the console says, such as a broken content policy."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def violations(self):
        """axe's, as `rule: element`."""
        self.js(AXE)
        found = self.driver.execute_async_script(
            "const done = arguments[1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}, iframes: false})"
            ".then((result) => done(result.violations))",
            WCAG,
        )
        return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"][:3]]

    def picture(self, path):
        import base64

        size = self.js("return [innerWidth, Math.min(document.documentElement.scrollHeight, 4000)]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        Path(path).write_bytes(base64.b64decode(shot["data"]))
