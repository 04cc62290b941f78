"""For reading verdicts against what stands on the page: a row per case, and the last picture of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from appliance.bench.checks import CheckVerdict, SiteChecks, run_checks
from sandbox.browser import Browser
from sandbox.errors import SandboxError

__all__ = ["review_rows"]


def review_rows(browser: Browser, site: SiteChecks, pictures: Path) -> Iterator[str]:
    """Saves `pictures/SITE-CASE.png` and yields `SITE case answer task: evidence`, once all cases have been run."""
    pictures.mkdir(parents=True, exist_ok=True)

    def keep(verdict: CheckVerdict) -> None:
        try:
            picture = browser.screenshot()
        except SandboxError:
            return  # a dead page has no picture; its row tells why
        (pictures / f"{site.site}-{verdict.case}.png").write_bytes(picture)

    for verdict in run_checks(browser, site, keep):
        task = site.case[verdict.case].task
        yield f"{site.site} {verdict.case} {verdict.answer:7} {task}: {verdict.evidence}"
