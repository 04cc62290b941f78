"""Puts the manual's pages into a wheel. hatchling's own `force-include` would copy them into editable installs too."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = "web_ui/manual_pages"
"""Where `web_ui.manual` looks first."""


class PackedManual(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"]["docs"] = PAGES
