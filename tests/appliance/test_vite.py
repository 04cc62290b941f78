"""The `vite-react` stack through the whole loop: real Podman, real build, real Chromium, scripted model."""

from __future__ import annotations

import threading

import pytest
from rooms import ScriptedWorkshop, request, tagged

from appliance.assembly import RealRooms
from appliance.config import load_config
from appliance.worker import execute

pytestmark = [pytest.mark.podman, pytest.mark.browser]

MAIN = tagged(
    'import { createRoot } from "react-dom/client";\nimport App from "./App.jsx";\n'
    'createRoot(document.getElementById("root")).render(<App />);',
    "src/main.jsx",
)
ITEMS = ["Rye", "Oat", "Spelt", "Wheat", "Barley", "Corn"]
APP = tagged(
    'import { useState } from "react";\nimport { Wheat } from "lucide-react";\nimport "./app.css";\n'
    f"const items = {ITEMS};\nexport default function App() {{\n  const [n, setN] = useState(0);\n"
    '  return <main><h1><Wheat /> Bakery</h1><img src="/kit/pictures/fresh-bread.svg" alt="bread" width="300" />'
    "<ul>{items.map(i => <li key={i}>{i} bread, baked every morning with flour from the valley</li>)}</ul>"
    "<button onClick={() => setN(n + 1)}>Ordered {n}</button></main>;\n}",
    "src/App.jsx",
)
STYLE = tagged(
    '@import "tailwindcss";\nmain { max-width: 40rem; margin: auto; padding: 1rem; }\n'
    "button { background: teal; color: white; padding: 12px; }",
    "src/app.css",
)


@pytest.fixture
def workshop():
    config, _ = load_config({})
    return lambda replies: ScriptedWorkshop(replies, RealRooms(config))


def test_a_react_site_is_built_looked_at_and_exported_with_its_sources(store, workshop):
    run = store.add_run(request("strong", steps=3, stack="vite-react"))
    broken = APP.replace("useState(0)", "useStat(0)")
    outcome = execute(
        run,
        store,
        workshop([f"{MAIN}\n{broken}\n{STYLE}", APP, "<finish/>"]),
        threading.Event(),
        lambda *_: None,
        on_stop="stopped",
    )
    first, second, _ = store.steps(run.id)
    assert first.has_error
    assert "useStat is not defined" in first.observation.error
    assert not second.has_error, second.observation
    assert second.observation.audit.text_chars > 200
    assert outcome.status == "done"
    site = store.folder / "exports" / run.id
    assert "./assets/" in (site / "site" / "index.html").read_text()
    assert (site / "source" / "src" / "App.jsx").exists()
    assert list((site / "site").rglob("fresh-bread*.svg"))


def test_a_build_that_fails_and_a_package_that_does_not_exist_are_told_to_the_model(store, workshop):
    run = store.add_run(request("strong", steps=3, stack="vite-react"))
    opened = workshop([f"{MAIN}\n{APP.replace('lucide-react', 'axios')}\n{STYLE}", APP.replace("</main>", ""), APP])
    execute(run, store, opened, threading.Event(), lambda *_: None, on_stop="stopped")
    refused, failed, good = store.steps(run.id)
    assert refused.observation.stage == "packages"
    assert "axios (in src/App.jsx)" in refused.observation.error
    assert failed.observation.stage == "build"
    assert "App.jsx" in failed.observation.log
    assert good.observation.stage == "done"
    said = opened.models[0].asked[2][-1].content
    assert "App.jsx" in said
    assert "exit code" in said
