"""The explorer's figures: a page of thirty controls, and the twelve pages with and without their planted defects."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "appliance"))

from explored_pages import DEFECTS, PAGES, exploring, failures, missed, planted, sound, spoiled, unfounded

BUDGET_S = 60.0
NAMES = ("Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima")
BUTTONS = "".join(f'<button id="b-{name}" onclick="out.textContent = this.id">{name}</button>' for name in NAMES)
TICKS = "".join(
    f'<label><input type="checkbox" onchange="out.textContent = this.id" id="t-{name}"> Choice {name}</label>'
    for name in NAMES[:4]
)
SELECTS = "".join(
    f'<label>Mode {name} <select id="s-{name}" onchange="out.textContent = this.value">'
    f"<option>plain</option><option>fancy {name}</option></select></label>"
    for name in NAMES[:3]
)
LINKS = "".join(f'<a href="#p-{name}">Part {name}</a> ' for name in NAMES[:4])
PARTS = "".join(f'<section id="p-{name}" style="min-height:900px"><h2>{name}</h2></section>' for name in NAMES[:4])
THIRTY = f"""<!doctype html><html lang="en"><head><title>Thirty</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>Thirty controls</h1><nav>{LINKS}</nav>
<p id="out">Nothing yet</p><div>{BUTTONS}</div><div>{TICKS}</div><div>{SELECTS}</div>
<label>Size <input type="range" id="size" min="1" max="9" oninput="out.textContent = this.value"></label>
<label>Colour <input type="color" id="colour" oninput="out.textContent = this.value"></label>
<form id="f"><label>Name <input id="n" required></label><label>Email <input type="email" id="e"></label>
<label>Text <textarea id="t"></textarea></label><label>Count <input type="number" id="c"></label><button>Add</button>
</form><ul id="items"></ul>{PARTS}
<script>
const out = document.getElementById("out");
const items = JSON.parse(localStorage.items || "[]");
const draw = () => {{ document.getElementById("items").innerHTML = items.map((i) => `<li>${{i}}</li>`).join(""); }};
document.getElementById("f").onsubmit = (event) => {{
  event.preventDefault();
  items.push(document.getElementById("n").value);
  localStorage.items = JSON.stringify(items);
  draw();
}};
draw();
</script></body></html>"""
"""12 buttons, 4 boxes to tick, 3 select boxes, 4 links, a slider, a colour, and a form of four fields and a button."""


def explorer_figures() -> dict[str, float]:
    """Seconds for the page of thirty controls, the share of planted defects found, and the number of false facts."""
    lost, false = 0, 0
    with exploring() as look:
        look({"index.html": THIRTY})
        thirty = look({"index.html": THIRTY}, budget_s=BUDGET_S)
        for page in PAGES:
            facts = failures(look(spoiled(page), budget_s=BUDGET_S))
            lost += len(missed(planted(page), facts))
            false += len(unfounded(planted(page), facts))
            false += len(failures(look(sound(page), budget_s=BUDGET_S)))
    if thirty.unfinished:
        raise RuntimeError(f"The page of thirty controls was not finished: {thirty.unfinished}")
    return {
        "explorer_s": thirty.seconds,
        "explorer_controls": thirty.controls,
        "explorer_recall": round(1 - lost / len(DEFECTS), 3),
        "explorer_false": false,
    }


if __name__ == "__main__":
    print(explorer_figures())
