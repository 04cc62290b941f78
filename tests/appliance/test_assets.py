from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import auditing, site

from appliance.asset_sheets import find_icon, nearest_family
from appliance.asset_words import asset_words
from appliance.assets import PROMPT, complete
from appliance.pictures import known_subject, picture
from appliance.scenes import SCENES
from sandbox.kit import icon_words, kit_files

BRIEF = "A restaurant site with navy buttons on a white background."
GOOGLE = "https://fonts.googleapis.com/css2?family=Roboto&display=swap"


def page(body="", head=""):
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def done(files, stack="static", brief=BRIEF):
    return complete(files, brief, stack)


def html(body="", head="", **more):
    """The page after completion, and everything that came of it."""
    completed = done({"index.html": page(body, head), **more})
    return completed.files["index.html"].decode(), completed


# pictures


@pytest.mark.parametrize("subject", SCENES)
def test_every_subject_is_drawn_as_one_small_valid_svg_without_text(subject):
    words = [word for word, own in asset_words().subjects.items() if own == subject] or ["qwerty"]
    for colours in ((), ((0, 0, 128),)):
        drawn = picture(words[0], 300, 200, colours=colours)
        root = ElementTree.fromstring(drawn)
        assert (root.attrib["width"], root.attrib["height"]) == ("300", "200")
        assert len(drawn) < 20_000
        assert b"<text" not in drawn
        assert b"href" not in drawn


def test_every_word_leads_to_a_subject_that_can_be_drawn():
    assert set(asset_words().subjects.values()) | {"abstract"} == set(SCENES)


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("fresh-salad-bowl", "meal"),
        ("Team photo", "team"),
        ("golden retriever puppies", "dog"),
        ("stock price growth", "chart"),
        ("hiking the alps", "mountain"),
        ("Dr. Anna Berg, cardiologist doctor", "health"),
        ("zxcv 17", ""),
    ],
)
def test_words_name_their_subject(words, subject):
    assert known_subject(words) == subject


def test_the_same_words_give_the_same_bytes_and_others_do_not():
    assert picture("blue sofa") == picture("Blue  sofa")
    assert picture("blue sofa") != picture("green sofa")


def test_a_page_colour_tints_the_picture():
    assert picture("abstract qwerty", colours=((0, 0, 128),)) != picture("abstract qwerty", colours=((128, 0, 0),))


# the kit


def test_only_what_is_named_travels():
    _, completed = html('<img src="kit/icons/search.svg"><img src="kit/pictures/fresh-salad.svg">')
    assert set(completed.added) == {"kit/icons/search.svg", "kit/icons/LICENSE.txt", "kit/pictures/fresh-salad.svg"}


def test_an_icon_can_be_had_in_a_colour():
    _, completed = html('<img src="kit/icons/arrow-right-white.svg">')
    assert b'stroke="white"' in completed.files["kit/icons/arrow-right-white.svg"]


def test_an_unknown_icon_becomes_the_nearest_and_is_noted():
    _, completed = html('<img src="kit/icons/magnifying-glass.svg">')
    assert completed.files["kit/icons/magnifying-glass.svg"] == kit_files()["icons/search.svg"]
    assert "search takes its place" in completed.notes[0]


@pytest.mark.parametrize("start", ["/", "./", "", "../"])
def test_addresses_are_right_from_nested_pages(start):
    files = done({"blog/post.html": page(f'<img src="{start}kit/icons/user.svg">')}).files
    assert b'src="../kit/icons/user.svg"' in files["blog/post.html"]
    assert "kit/icons/user.svg" in files


def test_a_style_sheet_in_a_folder_reaches_the_kit():
    files = done({"index.html": page(), "css/main.css": b".hero { background: url('/kit/pictures/beach.svg') }"}).files
    assert b"url('../kit/pictures/beach.svg')" in files["css/main.css"]


def test_the_kits_own_look_brings_its_fonts():
    text, completed = html(head='<link rel="stylesheet" href="kit/site.css">')
    assert text.count("<link") == 1
    assert {"kit/site.css", "kit/fonts.css", "kit/fonts/inter-latin.woff2", "kit/fonts/outfit-latin.woff2"} <= set(
        completed.added
    )
    assert done(completed.files).files == completed.files


def test_names_that_a_script_puts_together_travel_too():
    script = (
        b"const icons = ['home', 'star']; icons.forEach(i => { el.innerHTML += `<img src=\"kit/icons/${i}.svg\">` })"
    )
    assert "kit/icons/star.svg" in done({"index.html": page(), "app.js": script}).files


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ("home", "house"),
        ("fa-cart", "circle"),
        ("shopping_cart", "shopping-cart"),
        ("gear", "settings"),
        ("trash", "trash-2"),
        ("zzzz", "circle"),
    ],
)
def test_icon_names_of_other_sets_are_understood(other, ours):
    assert find_icon(other.removeprefix("fa-")) in (ours, "shopping-cart")
    assert find_icon(other.removeprefix("fa-")) in icon_words()


# missing pictures


@pytest.mark.parametrize(
    ("markup", "made"),
    [
        ('<img src="images/project1.jpg" alt="Weather app">', "kit/pictures/weather-app.svg"),
        ("<img src=hero.png>", "kit/pictures/hero-meal.svg"),
        ('<img src="img/team-photo.webp" alt="">', "kit/pictures/team-photo.svg"),
        ('<div style="background-image: url(beach.jpg)"></div>', "kit/pictures/"),
        ('<script>dish.image = "img/pasta.png";</script>', "kit/pictures/pasta.svg"),
        ("<script>const d = [{ name: 'Tomato soup', image: 'a/1.png' }]</script>", "kit/pictures/tomato-soup.svg"),
        ('<img srcset="a.png 1x, b.png 2x" src="a.png" alt="Red car">', "kit/pictures/red-car.svg"),
    ],
)
def test_a_picture_that_does_not_exist_becomes_one_that_fits(markup, made):
    text, completed = html(markup)
    assert made in text
    assert re.search(r"kit/pictures/[\w-]+\.svg", text)[0] in completed.files
    assert "does not exist" in completed.notes[0]


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="photo.png">',
        "<img src='photo.png?v=2'>",
        '<img src="data:image/png;base64,AAAA">',
        '<a href="https://example.com/photo.jpg">a photo elsewhere</a>',
        '<script>link.download = "chart.png"; if (name.endsWith(".png")) go("image/png")</script>',
        "<!-- <img src='gone.png'> -->",
        "<p>Write to photo.jpg</p>",
        '<img src="${item.image}">',
    ],
)
def test_what_is_there_or_no_reference_is_left_alone(markup):
    text, completed = html(markup, **{"photo.png": b"\x89PNG"})
    assert markup in text
    assert completed.notes == ()


def test_a_folder_that_a_script_puts_before_the_name_gets_the_picture():
    script = b"const d = [{ name: 'Soup', image: 'soup.jpg' }]; img.src = 'images/' + d[0].image;"
    files = done({"index.html": page(), "app.js": script}).files
    assert b"image: 'soup.svg'" in files["app.js"]
    assert "images/soup.svg" in files


def test_a_missing_background_of_the_whole_page_is_left_out():
    files = done({"index.html": page(), "s.css": b"body { background: url(bg.jpg) center; color: red }"}).files
    assert files["s.css"] == b"body { background: none center; color: red }"


# what stands outside


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("https://via.placeholder.com/300x200?text=Pizza", "kit/pictures/pizza-300x200.svg"),
        ("https://placehold.co/600x400", "-600x400.svg"),
        ("https://picsum.photos/seed/dog/200/300", "-200x300.svg"),
        ("https://source.unsplash.com/400x300/?coffee", "kit/pictures/coffee-400x300.svg"),
        ("https://images.unsplash.com/photo-1504674900247-0877df9cc836?w=800", "-800x533.svg"),
        ("https://i.pravatar.cc/150?img=3", "kit/pictures/portrait"),
        ("https://ui-avatars.com/api/?name=John+Doe", "kit/pictures/john-doe"),
        ("https://example.com/files/red-bike.jpg", "kit/pictures/red-bike.svg"),
        ("//cdn.example.com/cat.png", "kit/pictures/cat.svg"),
    ],
)
def test_pictures_from_elsewhere_are_drawn_here(url, made):
    text, completed = html(f'<img src="{url}">')
    assert made in text
    assert url not in text
    assert [(one.url, one.line, one.kind) for one in completed.external] == [(url, 1, "picture")]


def test_web_fonts_become_the_kits_under_their_own_name():
    link = (
        f'<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin><link href="{GOOGLE}" rel="stylesheet">'
    )
    text, completed = html(head=link, **{"s.css": b"body { font-family: 'Roboto', sans-serif }"})
    assert "googleapis" not in text
    assert "gstatic" not in text
    sheet = completed.files["kit/fonts.css"].decode()
    assert 'font-family:"Roboto"' in sheet
    assert {f"kit/{name}" for name in re.findall(r'url\("([^"]+)"', sheet)} <= set(completed.files)


def test_a_font_that_is_named_but_never_loaded_is_linked():
    text, completed = html(**{"s.css": b"h1 { font: 700 2rem/1.2 'Playfair Display', serif }"})
    assert '<link rel="stylesheet" href="kit/fonts.css">' in text
    assert "kit/fonts/playfair-display-latin.woff2" in completed.files


@pytest.mark.parametrize(
    "family", ["Arial, sans-serif", "-apple-system, 'Segoe UI', system-ui", "var(--font)", "inherit"]
)
def test_system_fonts_ask_for_nothing(family):
    assert done({"index.html": page(), "s.css": f"body {{ font-family: {family} }}".encode()}).added == ()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Roboto Mono", "jetbrains-mono"),
        ("Merriweather", "lora"),
        ("Open Sans", "inter"),
        ("Montserrat", "outfit"),
        ("Abril Fatface", "playfair-display"),
    ],
)
def test_a_family_is_answered_by_its_kind(name, slug):
    assert nearest_family(name).slug == slug


def test_an_icon_font_becomes_a_sheet_of_masks():
    css = "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.5.0/css/all.min.css"
    text, completed = html('<i class="fas fa-home fa-2x"></i>', f'<link rel="stylesheet" href="{css}">')
    assert 'href="kit/icons.css"' in text
    sheet = completed.files["kit/icons.css"].decode()
    assert ".fa-home::before" in sheet
    assert "fa-2x" not in sheet


def test_icons_written_as_words_become_classes():
    css = "https://fonts.googleapis.com/icon?family=Material+Icons"
    text, completed = html('<span class="material-icons">home</span>', f'<link rel="stylesheet" href="{css}">')
    assert '<span class="kit-icon-home material-icons"></span>' in text
    assert b".kit-icon-home::before" in completed.files["kit/icons.css"]


def test_libraries_from_elsewhere_stay_and_are_reported():
    script = '<script src="https://cdn.jsdelivr.net/npm/chart.js"></script>'
    text, completed = html(head=script)
    assert script in text
    assert completed.external[0].replaced_by == ""
    assert "cannot be loaded without a network" in completed.notes[0]


def test_links_to_elsewhere_are_content():
    text, completed = html('<a href="https://example.com">a friend</a>')
    assert 'href="https://example.com"' in text
    assert completed.external == ()


# vite


def test_vite_sites_keep_the_kit_in_public():
    app = b"export default () => <img src=\"/kit/pictures/red-car.svg\" alt='x'/>"
    files = done({"index.html": page(), "src/App.jsx": app}, "vite-react").files
    assert "public/kit/pictures/red-car.svg" in files
    assert files["src/App.jsx"] == app


def test_a_picture_that_a_module_imports_lies_beside_the_sources():
    files = done(
        {"index.html": page(), "src/App.jsx": b"import hero from './assets/hero-beach.png'"}, "vite-react"
    ).files
    assert files["src/App.jsx"] == b"import hero from './kit/pictures/hero-beach.svg'"
    assert "src/kit/pictures/hero-beach.svg" in files


def test_a_web_font_imported_by_a_vite_sheet_is_linked_by_the_page():
    sheet = f"@import url('{GOOGLE}');\nbody {{ font-family: Roboto }}".encode()
    files = done({"index.html": page(), "src/index.css": sheet}, "vite-react").files
    assert files["src/index.css"] == b"\nbody { font-family: Roboto }"
    assert b'href="/kit/fonts.css"' in files["index.html"]
    assert "public/kit/fonts.css" in files


# all of it

FRAGMENTS = [
    '<img src="gone.jpg" alt="A red bike">',
    '<img src="/kit/icons/user.svg">',
    '<img src="https://picsum.photos/300">',
    f'<link href="{GOOGLE}" rel="stylesheet">',
    '<link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/bootstrap-icons/icons.css"><i class="bi-cart">',
    "<style>h1 { font-family: Poppins } .hero { background: url(hero.png) }</style>",
    '<link rel="icon" href="favicon.ico">',
    "<script>const a = { name: 'Soup', image: 'img/soup.png' }; el.innerHTML = `<img src=\"x/${a.image}\">`</script>",
    '<span class="material-icons">shopping_cart</span>',
    "<style>@font-face { font-family: Own; src: url(own.ttf) } body { background: url(b.gif) }</style>",
    '<script src="https://unpkg.com/vue"></script>',
    "<p>an unclosed <b tag='x",
]


@settings(database=None, derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6), st.sampled_from(["static", "vite-react"]), st.booleans())
def test_completing_twice_changes_nothing(fragments, stack, nested):
    body = "".join(fragments)
    files = {"pages/a.html" if nested else "index.html": page(body), "s.css": b"h2 { font-family: Lora }"}
    once = complete(files, BRIEF, stack)
    assert complete(once.files, BRIEF, stack).files == once.files


@settings(database=None, derandomize=True, max_examples=60, deadline=None)
@given(st.text(max_size=200), st.binary(max_size=60))
def test_no_text_is_too_broken_to_be_completed(text, junk):
    complete({"index.html": text.encode(), "s.css": text.encode(), "app.js": text.encode(), "b.html": junk}, text)


def test_the_prompt_is_short_and_names_only_what_exists():
    assert len(PROMPT) / 3.5 < 150
    for name in re.findall(r"kit/icons/([a-z-]+)\.svg", PROMPT):
        assert find_icon(name) in icon_words()


@pytest.mark.browser
def test_a_page_full_of_foreign_things_shows_whole_without_a_network():
    body = (
        "<h1>Dinner</h1><img src='https://picsum.photos/300' alt='Soup'><img src='img/missing.png' alt='A chef'>"
        "<i class='fas fa-utensils'></i>"
        "<script>const i = new Image(); i.src = 'dish.jpg'; document.body.append(i)</script>"
    )
    head = (
        f'<link href="{GOOGLE}" rel="stylesheet"><link rel="icon" href="fav.png"><link rel="stylesheet" '
        'href="https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.5.0/css/all.min.css">'
        "<style>body { font-family: Roboto } h1 { font-family: X }"
        " @font-face { font-family: X; src: url(x.ttf) }</style>"
    )
    with auditing() as look:
        audit, _ = look({"menu/index.html": page(body, head), **site()}, path="/menu/index.html")
    kinds = {finding.kind for finding in audit.findings}
    assert not kinds & {"broken-image", "missing-font", "request-failed", "external-url", "console-error"}, (
        audit.findings
    )
