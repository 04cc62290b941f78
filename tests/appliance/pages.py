"""A small site that has no measurable fault, and one way to spoil it per kind of finding."""

from __future__ import annotations

import re
from contextlib import contextmanager

from appliance.assets import complete
from appliance.audit import audit
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.local import LocalContainer
from sandbox.preview import Preview

BRIEF = "A bakery that sells bread online. Use mint cream as the background and teal for all components."

CARDS = "".join(
    f'<article class="card"><img src="kit/pictures/{slug}.svg" alt="{name}"><h3>{name}</h3><p>{text}</p>'
    f"<button>Order {name}</button></article>"
    for slug, name, text in (
        ("rye-bread", "Rye bread", "Baked overnight with a sourdough that is older than the shop."),
        ("chocolate-cake", "Chocolate cake", "Three layers of sponge with cream made of real chocolate from Ghana."),
        ("morning-coffee", "Coffee", "Roasted next door every Tuesday and brewed while you look at the bread."),
    )
)
GOOD = f"""<!doctype html>
<html lang="en"><head><title>Bakery</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="kit/fonts.css"><link rel="stylesheet" href="style.css"></head>
<body><header><h1>The corner bakery</h1><nav><a href="#bread">Bread</a><a href="#contact">Contact</a></nav></header>
<main><p id="intro">We bake bread in the middle of the town and have done so for ninety years, with flour from the
mill on the river, water, salt and time, and we bring it to your door before you have breakfast.</p>
<section id="bread"><h2>Today from the oven</h2><div class="cards">{CARDS}</div></section>
<section><h2>How we work</h2><p>Our bakers begin at two in the night. The dough has rested for eighteen hours by then,
which is why our bread needs so little yeast and keeps fresh for five days when it lies in a linen bag.</p></section>
<section id="contact"><h2>Write to us</h2><form><label for="name">Name</label><input id="name">
<label for="wish">What may we bake?</label><textarea id="wish"></textarea>
<button>Send the message</button></form></section>
</main><footer><p>Open from six in the morning until the bread is gone.</p></footer></body></html>
"""
STYLE = """* { box-sizing: border-box }
body { margin: 0; background: mintcream; color: #123; font-family: Inter, sans-serif; line-height: 1.6 }
header { background: teal; color: white; padding: 1rem 2rem; display: flex; flex-wrap: wrap; gap: 2rem }
header a { color: white; margin-right: 1rem }
h1 { margin: 0; font-family: "Playfair Display", serif } h2 { color: teal }
main { max-width: 1000px; margin: auto; padding: 2rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 1rem }
.card { background: white; border-radius: 8px; overflow: hidden; padding: 1rem }
.card img { width: 100%; height: 150px; object-fit: cover }
form { display: grid; gap: .5rem; max-width: 400px }
input, textarea { padding: .5rem; border: 1px solid teal; border-radius: 4px; font: inherit; width: 100% }
button { background: teal; color: white; border: 0; padding: .6rem 1rem; border-radius: 4px; font: inherit }
footer { padding: 2rem; text-align: center }
"""


SCRIPT_LINE = GOOD[: GOOD.index("</body>")].count("\n") + 2
"""Where a script of `with_script` begins."""


def site(html=GOOD, css=STYLE, **more):
    files = {"index.html": html, "style.css": css, **more}
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}


def with_script(script):
    return site(GOOD.replace("</body>", f"<script>\n{script}\n</script></body>"))


def with_body(markup):
    return site(GOOD.replace("</main>", f"{markup}</main>"))


def with_css(rules):
    return site(css=STYLE + rules)


SPOILED = {
    "http-status": ({"other.html": b"<p>elsewhere</p>"}, "/: answers 404"),
    "exception": (with_script("basket.open();"), f"index.html:{SCRIPT_LINE}:1: Uncaught ReferenceError: basket is not"),
    "error-overlay": (
        with_script("document.body.append(document.createElement('vite-error-overlay'))"),
        "build error",
    ),
    "blank": (site("<!doctype html><html lang=en><head><title>x</title></head><body></body></html>"), "no visible"),
    "unmeasurable": (with_script("document.documentElement.remove()"), "/: "),
    "unstyled": (site(GOOD.replace('<link rel="stylesheet" href="style.css">', "")), "no style sheet"),
    "empty-section": (with_body("<section><h2>Prices</h2><!-- later --></section>"), 'nothing stands below "Prices"'),
    "numbered-name": (with_body("<h3>Barber 1</h3><p>Cuts.</p><h3>Barber 2</h3><p>Shaves.</p>"), '"Barber 1"'),
    "placeholder-text": (with_body("<p>Lorem ipsum dolor sit amet</p>"), "filler text"),
    "overlap": (
        site(
            GOOD.replace("</main>", '<div class="xs"><b>First words</b><b>Other ones</b></div></main>'),
            STYLE + ".xs { position: relative; height: 40px } .xs b { position: absolute; top: 0; left: 0 }",
        ),
        '"Other ones" lies over "First words"',
    ),
    "colour-missing": (site(css=STYLE.replace("mintcream", "white")), "mint cream (#f5fffa)"),
    "overflow": (with_css("#intro { width: 700px }"), "p#intro: is 700 px wide"),
    "spill": (with_css("input { width: calc(100% + 24px) }"), "input#name: sticks out of section#contact > form"),
    "broken-image": (
        with_body('<img src="gone.png" alt="a loaf" width="40" height="40">') | {"gone.png": b"not a picture"},
        "gone.png does not load",
    ),
    "contrast": (with_css("#intro { color: #9aa }"), "needs 4.5"),
    "console-error": (with_script("console.error('no basket')"), f"index.html:{SCRIPT_LINE}:9: no basket"),
    "request-failed": (with_body('<link rel="stylesheet" href="extra.css">'), "/extra.css: answers 404"),
    "external-url": (with_script("fetch('https://example.com/x.json').catch(() => 0)"), "https://example.com/x.json"),
    "empty-control": (with_body('<button style="width:40px;height:40px"></button>'), "discernible text"),
    "missing-font": (
        with_css("@font-face{font-family:Gone;src:url(gone.woff2)} h2{font-family:Gone,sans-serif}")
        | {"gone.woff2": b"not a font"},
        "Gone: does not load",
    ),
    "default-font": (site(css=STYLE.replace("font-family: Inter, sans-serif;", "")), "default font"),
    "default-control": (with_css("button { border: revert }"), "4 controls"),
    "dead-anchor": (with_body('<a href="#nowhere">More</a>'), "#nowhere leads nowhere"),
    "label": (with_body('<input style="height:40px">'), "must have labels"),
    "image-alt": (with_body('<img src="kit/icons/search.svg">'), "alternative text"),
    "accessibility": (site(GOOD.replace(' lang="en"', "")), "html-has-lang"),
    "duplicate-id": (with_body('<div id="intro"></div>'), "2 elements have the id intro"),
    "tap-target": (with_css("form button { padding: 0; font-size: 9px; line-height: 1 }"), "px on a phone"),
    "no-heading": (site(re.sub(r"(</?)h[1-3]", r"\1div", GOOD)), "no visible h1"),
    "no-title": (site(GOOD.replace("<title>Bakery</title>", "")), "no title"),
    "no-viewport": (site(re.sub("<meta name=.viewport.*>", "", GOOD)), "viewport"),
}
"""Kind of finding → files that have it, and a part of `place: evidence`."""


@contextmanager
def auditing():
    """Yields `look(files, brief)`: complete the files, publish them, open them in Chromium, audit them."""
    with (
        LocalContainer(ContainerSettings()) as container,
        Preview(container) as preview,
        Browser(BrowserSettings(), preview.url) as browser,
    ):

        def look(files, brief=BRIEF, *, path="/"):
            container.replace(complete(files, brief).files)
            preview.wait_ready(10)
            return audit(browser, brief, path=path)

        yield look
