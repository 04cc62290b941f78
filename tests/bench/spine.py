"""How fast the spine is, as ratios measured in one run: `python -m tests.bench.spine [--json] [--only NAME]`.

Needs what `make test` sets up, and an idle machine: a busy core spoils every figure. Nothing here asserts.

reference_ratio_* runs the pipeline of the paper's reference implementation, line by line and nothing padded:
  1. `npm install` in the workspace (here from a warm cache, offline, which is faster than its network install)
  2. `npm run dev`, output to a log file
  3. poll the log once a second for the first http://localhost:PORT
  4. start Chrome headless with a new profile at 1024×768
  5. load the page, sleep 3 s, take one screenshot of the viewport, quit Chrome
  6. SIGTERM to the server's process group, wait for it
and divides its wall time by ours for the same site: write → container → audit + two screenshots → commit.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from appliance.assembly import RealRooms, RealWorkshop
from appliance.config import load_config
from appliance.context import Turn, conversation
from appliance.grading import Judges
from appliance.judge import RulesJudge
from appliance.profiles import load_profiles
from appliance.prompts import opening
from appliance.requests import shelf
from appliance.site import Site
from appliance.steps import RunRequest, Step, Usage
from appliance.store import Store
from appliance.worker import execute
from models.chat import ChatMessage, Sampling
from models.llama import LlamaChild, LlamaSettings
from sandbox.image import node_files
from sandbox.workspace import snapshot

MODEL = "qwen2.5-coder-1.5b"
SMALL_MODEL = "qwen2.5-coder-0.5b"
BRIEF = "A page for a bakery with a list of bread and an order form. White background, teal components."
ITEMS = "".join(f"<li>Bread {n}, baked with rye flour and a night of rest</li>" for n in range(24))
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bakery</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="style.css"></head>
<body><header><h1>Bakery</h1></header><main><h2>Bread</h2><ul>{ITEMS}</ul>
<form><label>Name <input name="name"></label><button>Order</button></form></main>
<script src="app.js"></script></body></html>
"""
STATIC = {
    "index.html": PAGE.encode(),
    "style.css": b"body{font-family:sans-serif;background:white}header,button{background:teal;color:white;padding:8px}",
    "app.js": b"document.querySelector('form').onsubmit = e => { e.preventDefault(); localStorage.order = 1 };",
}
REACT = {
    "index.html": b'<!doctype html><html lang="en"><head><title>Bakery</title></head><body><div id="root"></div>'
    b'<script type="module" src="/src/main.jsx"></script></body></html>',
    "src/main.jsx": b'import { createRoot } from "react-dom/client";\nimport App from "./App.jsx";\n'
    b'createRoot(document.getElementById("root")).render(<App />);\n',
    "src/App.jsx": b'import { useState } from "react";\nexport default function App() {\n'
    b"  const [n, setN] = useState(0);\n  return <main><h1>Bakery</h1><button onClick={() => setN(n + 1)}>{n}</button>"
    b"{Array.from({ length: 24 }, (_, i) => <p key={i}>Bread {i}, baked with rye flour</p>)}</main>;\n}\n",
}


def median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


class Bench:
    def __init__(self) -> None:
        self.config, _ = load_config(os.environ)
        self.figures: dict[str, object] = {}

    def model_path(self, name: str = MODEL) -> Path:
        return shelf(self.config).get(name).path

    # -- the engine ------------------------------------------------------------------------------------------------

    def engine(self) -> None:
        """Tokens/s of generation through our child over raw llama-cpp-python, the same file, greedy, alternating."""
        prompt, n = "Write a long story about a bakery.", 96
        ours, raw = [], []
        script = _RAW.format(path=str(self.model_path()), prompt=prompt, n=n)
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", script],
                env={**os.environ, "OMP_WAIT_POLICY": "passive"},
                capture_output=True,
                text=True,
                check=True,
            )
            raw.append(float(done.stdout.strip().splitlines()[-1]))
            with LlamaChild(LlamaSettings(self.model_path(), parallel=1)) as model:
                ours.append(_decode_rate(model, prompt, n))
        self.figures |= {"engine_ratio": round(max(ours) / max(raw), 3), "engine_tokens_s": round(max(ours), 1)}

    def drafts(self) -> None:
        """Tokens/s of several drafts as parallel sequences, over the same drafts one after the other."""
        messages = opening(_request(), load_profiles()["small"], {})

        def samplings(n: int) -> list[Sampling]:
            return [Sampling(temperature=0.7, max_tokens=160, seed=seed) for seed in range(n)]

        with LlamaChild(LlamaSettings(self.model_path(), context_tokens=8192, parallel=8)) as model:
            model.chat(messages, Sampling(max_tokens=1))
            began = time.monotonic()
            tokens = sum(model.chat(messages, one).completion_tokens for one in samplings(4))
            alone = tokens / (time.monotonic() - began)
            for n in (4, 8):
                began = time.monotonic()
                tokens = sum(draft.completion_tokens for draft in model.drafts(messages, samplings(n)))
                rate = tokens / (time.monotonic() - began)
                self.figures["drafts_ratio" if n == 4 else f"drafts_ratio_{n}"] = round(rate / alone, 2)

    def prefix(self) -> None:
        """Prompt tokens evaluated in turns 2…n over the template and user tokens newly added."""
        profile = replace(load_profiles()["strong"], context_tokens=8192, max_tokens=200)
        start = opening(_request(), profile, {})
        evaluated = added = 0
        with LlamaChild(LlamaSettings(self.model_path(SMALL_MODEL), context_tokens=8192)) as model:
            turns: list[Turn] = []
            before, said_before = tuple[ChatMessage, ...](), 0
            for n in range(5):
                talk = conversation(start, turns, model.count_tokens, 8192 - 200)
                said = model.chat(talk.messages, Sampling(temperature=0.5, max_tokens=200, seed=n))
                if before:
                    evaluated += said.evaluated_tokens
                    added += said.prompt_tokens - model.count_tokens(before) - said_before
                before, said_before = talk.messages, said.completion_tokens
                turns.append(
                    Turn(said.text, f"- overflow at table {n}: 18 px too wide\n\nMend these problems first.", {})
                )
        self.figures |= {"prefix_ratio": round(evaluated / added, 3), "prefix_new_tokens": added}

    # -- a step ----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """A warm static step without the model, the reference beside it, and its commit against a raw write."""
        for stack, files in (("static", STATIC), ("vite-react", REACT)):
            ours = self._our_steps(stack, files)
            reference = [_reference_step(files, node_files(), _vite_cache(self.config.home)) for _ in range(3)]
            name = "static" if stack == "static" else "vite"
            self.figures[f"reference_s_{name}"] = median(reference)
            self.figures[f"reference_ratio_{name}"] = round(statistics.median(reference) / statistics.median(ours), 2)
            self.figures["step_overhead_s" if name == "static" else "step_overhead_vite_s"] = median(ours)

    def _our_steps(self, stack: str, files: dict[str, bytes]) -> list[float]:
        judges, times = Judges(RulesJudge()), []
        with tempfile.TemporaryDirectory(dir=self.config.home) as home, Store(Path(home)) as store:
            run = store.add_run(_request())
            with Site(RealRooms(self.config), stack) as site:
                for n in range(1, 7):
                    first = "src/App.jsx" if stack == "vite-react" else "style.css"
                    changed = {**files, first: files[first] + f"\n/* {n} */".encode()}
                    began = time.monotonic()
                    look = site.look(changed, BRIEF)
                    step = Step(
                        *(n, "build", n - 1 or None, snapshot(look.files).id, look.observation),
                        *(judges.grade(look.observation, BRIEF), Usage(), False),
                    )
                    store.add_step(run.id, step, look.files, tuple(look.pictures.values()), {}, tip=n)
                    times.append(time.monotonic() - began)
        return times[1:]

    def append(self) -> None:
        """One step's transaction with FULL sync over a raw write + fsync of the same bytes."""
        ratios = []
        with tempfile.TemporaryDirectory(dir=self.config.home) as home, Store(Path(home)) as store:
            run = store.add_run(_request())
            for n in range(1, 21):
                files = {"index.html": os.urandom(30_000), "app.js": os.urandom(10_000)}
                pictures = [os.urandom(250_000), os.urandom(150_000)]
                step = _empty_step(n, files)
                ours = seconds(lambda n=n, f=files, p=pictures, s=step: store.add_step(run.id, s, f, p, {}, tip=n))
                raw = seconds(lambda f=files, p=pictures: _raw_write(Path(home) / "raw", [*f.values(), *p]))
                ratios.append(ours / raw)
        self.figures["append_ratio"] = median(ratios)

    def container(self) -> None:
        """From nothing running to the first HTTP answer."""
        rooms, times = RealRooms(self.config), []
        for _ in range(3):
            began = time.monotonic()
            with rooms.container("static") as container, rooms.preview(container) as preview:
                container.replace(STATIC)
                preview.wait_ready(20)
                times.append(time.monotonic() - began)
        self.figures["container_ready_s"] = median(times)

    def light(self) -> None:
        """`--help`, and the memory of a worker that has done a run, without the model's process."""
        program = Path(sys.executable).with_name("appliance")
        self.figures["help_s"] = median([seconds(lambda: _quiet(program, "--help")) for _ in range(5)])
        code = "import sys; sys.path.insert(0, '.'); from tests.bench.spine import worker_rss; print(worker_rss())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.figures["worker_rss_mb"] = float(done.stdout.strip().splitlines()[-1])


def worker_rss() -> float:
    """Peak resident MiB of this process after a real run with the small model."""
    config, _ = load_config(os.environ)
    with tempfile.TemporaryDirectory(dir=config.home) as home, Store(Path(home)) as store:
        request = replace(_request(), model=SMALL_MODEL, steps=2, drafts=2)
        run = store.add_run(request)
        execute(run, store, RealWorkshop(config), threading.Event(), lambda *_: None, on_stop="stopped")
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _request() -> RunRequest:
    return RunRequest(brief=BRIEF, profile="small", model=MODEL, steps=2, drafts=2)


def _empty_step(n: int, files: dict[str, bytes]) -> Step:
    from appliance.steps import Grade, Observation, Scores

    grade = Grade(None, "bench", "none")
    return Step(
        n, "build", n - 1 or None, snapshot(files).id, Observation("done"), Scores(grade, grade), Usage(), False
    )


def _quiet(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _raw_write(path: Path, contents: list[bytes]) -> None:
    with path.open("wb") as file:
        for content in contents:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


_RAW = """
import time, os
from llama_cpp import Llama
cores = os.cpu_count()
model = Llama({path!r}, n_ctx=8192, flash_attn=True, verbose=False, n_threads=cores, n_threads_batch=cores)
messages = [{{"role": "user", "content": {prompt!r}}}]
first = last = None; n = 0
for part in model.create_chat_completion(messages, max_tokens={n}, temperature=0, stream=True):
    if part["choices"][0]["delta"].get("content"):
        last = time.monotonic(); first = first or last; n += 1
print((n - 1) / (last - first))
"""


def _decode_rate(model: LlamaChild, prompt: str, n: int) -> float:
    """Tokens/s from the first piece of text to the last, as in the raw run."""
    stamps: list[float] = []
    model.chat(
        [ChatMessage("user", prompt)],
        Sampling(temperature=0, max_tokens=n),
        on_text=lambda _: stamps.append(time.monotonic()),
    )
    return (len(stamps) - 1) / (stamps[-1] - stamps[0])


# -- the reference's pipeline, METHOD §1.4 and §2 ----------------------------------------------------------------------

_PACKAGE = {
    "name": "site",
    "private": True,
    "type": "module",
    "scripts": {"dev": "vite"},
    "dependencies": {"react": "19", "react-dom": "19"},
    "devDependencies": {"vite": "8", "@vitejs/plugin-react": "6"},
}
_VITE_CONFIG = (
    "import react from '@vitejs/plugin-react';\n"
    "export default { plugins: [react()], server: { port: 0, strictPort: false, watch: { usePolling: true } } };\n"
)


def _npm(*arguments: str) -> list[str]:
    node = node_files()
    return [str(node.node), str(node.npm / "bin" / "npm-cli.js"), *arguments]


def _vite_cache(home: Path) -> Path:
    """A warm npm cache: filled once from the user's registry, used offline afterwards."""
    cache = home / "bench-npm"
    if not (cache / "ready").exists():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "package.json").write_text(json.dumps(_PACKAGE))
            install = _npm("install", "--no-audit", "--no-fund", f"--cache={cache}")
            subprocess.run(install, cwd=folder, check=True, env={**os.environ, "NODE_USE_SYSTEM_CA": "1"})
        (cache / "ready").touch()
    return cache


def _reference_step(files: dict[str, bytes], node: object, cache: Path) -> float:
    folder = Path(tempfile.mkdtemp(prefix="reference-"))
    for path, content in {
        **files,
        "package.json": json.dumps(_PACKAGE).encode(),
        "vite.config.js": _VITE_CONFIG.encode(),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    environment = {**os.environ, "PATH": f"{node_files().node.parent}:{os.environ['PATH']}"}
    try:
        return seconds(lambda: _run_reference(folder, cache, environment))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_reference(folder: Path, cache: Path, environment: dict[str, str]) -> None:
    install = _npm("install", "--offline", "--no-audit", "--no-fund", f"--cache={cache}")
    subprocess.run(install, cwd=folder, env=environment, check=True, capture_output=True)
    log = folder / "service.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            _npm("run", "dev"), cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        url = ""
        for _ in range(30):
            time.sleep(1)
            if found := re.search(
                r"http://(?:localhost|\d+\.\d+\.\d+\.\d+):\d+/?", re.sub(r"\x1b\[[\d;]*m", "", log.read_text())
            ):
                url = found.group(0)
                break
        _reference_screenshot(url, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)


def _reference_screenshot(url: str, folder: Path) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--disable-gpu", "--window-size=1024,768", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.get(url)
        time.sleep(3)
        browser.save_screenshot(str(folder / "shot.png"))
    finally:
        browser.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure only this part")
    chosen = parser.parse_args()
    bench = Bench()
    for name in chosen.only or PARTS:
        if not chosen.json:
            print(f"… {name}", file=sys.stderr)
        getattr(bench, name)()
    if chosen.json:
        print(json.dumps(bench.figures))
    else:
        for key, value in bench.figures.items():
            print(f"{key:24} {value}")


PARTS = ("engine", "drafts", "prefix", "step", "append", "container", "light")

if __name__ == "__main__":
    main()
