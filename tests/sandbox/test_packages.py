from __future__ import annotations

import pytest

from sandbox.errors import PackageRefused
from sandbox.packages import baked_packages, complete_project, imported_packages

APP = {
    "src/main.jsx": b'import { createRoot } from "react-dom/client";\n'
    b'import App from "./App.jsx";\nimport "./app.css";\n',
    "src/App.jsx": b'import { Link } from "react-router-dom";\nexport default () => <Link to="/">x</Link>;\n',
}


def test_what_is_missing_is_supplied_and_said():
    project = complete_project(APP)
    assert set(project.files) == {*APP, "index.html", "package.json", "vite.config.js"}
    assert b'src="/src/main.jsx"' in project.files["index.html"]
    assert project.notes == ("index.html was supplied",)
    assert complete_project(project.files).files == project.files


def test_the_models_own_vite_configuration_is_never_run():
    project = complete_project({**APP, "vite.config.ts": b"import x from 'evil'; x()"})
    assert "vite.config.ts" not in project.files
    assert any("vite.config.ts" in note for note in project.notes)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ('import axios from "axios";', "axios"),
        ("import { Button } from '@mui/material/Button';", "@mui/material"),
        ('const _ = require("lodash/fp");', "lodash"),
        ('const later = await import("three");', "three"),
        ('import "bootstrap/dist/css/bootstrap.css";', "bootstrap"),
        ('export { x } from "zod";', "zod"),
    ],
)
def test_a_package_that_is_not_baked_is_refused_with_the_allowed_ones(source, name):
    with pytest.raises(PackageRefused, match=rf"{name} \(in src/x.js\).*react-router-dom"):
        complete_project({**APP, "src/x.js": source.encode()})


def test_relative_absolute_and_plain_text_are_no_packages():
    text = b'import a from "./a"; import b from "/b.js"; const s = "from \\"nothing\\""; import c from "../c";'
    assert imported_packages({"src/x.js": text}) == {}


def test_another_version_than_asked_for_is_used_and_said():
    asked = b'{"dependencies": {"react": "^18.2.0", "react-dom": "^19", "chart.js": "latest"}}'
    notes = complete_project({**APP, "package.json": asked}).notes
    assert f"react: ^18.2.0 was asked for, {baked_packages()['react']} is used" in notes
    assert len(notes) == 2


@pytest.mark.parametrize("manifest", [b"{", b"[]", b'{"dependencies": 5}', b"\xff"])
def test_a_broken_manifest_is_replaced(manifest):
    assert any("package.json" in note for note in complete_project({**APP, "package.json": manifest}).notes)
