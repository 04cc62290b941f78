"""Serves the interface and opens its pages in Chromium, as the account that uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request

from sandbox.browser import Browser, BrowserSettings

ORIGIN = "http://127.0.0.1:8731"
PATHS = ("/", "/runs", "/machine/sandbox")
START_TIMEOUT_S = 120


def wait_until_served() -> None:
    end = time.monotonic() + START_TIMEOUT_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(ORIGIN, timeout=10).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def main() -> int:
    server = subprocess.Popen([sys.executable, "-m", "appliance", "serve"], env=dict(os.environ))
    try:
        wait_until_served()
        with Browser(BrowserSettings(page_timeout_s=120, quiet_timeout_s=10), ORIGIN) as browser:
            pages = [browser.open(path) for path in PATHS]
            picture = browser.screenshot(full_page=False)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
    for page in pages:
        print(page.url, page.status, page.title, [event for event in page.events if event.kind != "console"])
    print(f"picture: {len(picture)} bytes")
    return 0 if all(page.status == 200 for page in pages) and len(picture) > 10_000 else 1


if __name__ == "__main__":
    sys.exit(main())
