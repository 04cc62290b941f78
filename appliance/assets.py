"""Make a site whole without a network: bring in the parts of the kit it names, and mend what would stay broken.

`complete` is pure and idempotent. It leaves alone what it cannot replace honestly (script and style libraries,
frames, films): those are returned as external references, and the browser's fence blocks them.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from appliance.asset_names import brief_icon, kit_name, remote_size, remote_words, says_little, slug, stem
from appliance.asset_sheets import (
    SHEET_MARK,
    find_icon,
    icon_svg,
    nearest_family,
    site_font_sheet,
    site_icon_sheet,
    wanted_families,
)
from appliance.colours import asked_colours, parse_colour
from appliance.pictures import known_subject, picture
from appliance.references import MARKUP, SCRIPTS, Reference, find_references, is_external, is_placeholder, names_picture
from appliance.steps import Files
from sandbox.kit import icon_words, kit_files

Stack = Literal["static", "vite-react"]

PROMPT = """\
There is no internet: no CDN, no Google Fonts, no picture services. These local files always work:
- kit/site.css: a complete modern look for plain HTML, in the colours --background and --component
- kit/fonts.css: font families Inter, Outfit, Lora, "Playfair Display", "JetBrains Mono"
- kit/icons/NAME.svg: line icons by lucide name (search, shopping-cart); kit/icons/NAME-white.svg is white
- kit/pictures/ANY-WORDS.svg: a picture of those words; choose two or three words about the thing shown"""


@dataclass(frozen=True, slots=True)
class ExternalReference:
    """An address outside the site, where it stood, and what stands there now; empty if it was left in place."""

    url: str
    path: str
    line: int
    kind: str
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    files: dict[str, bytes]
    added: tuple[str, ...]
    """Paths of the files that were not there before."""
    notes: tuple[str, ...]
    """Each rescue in words, for the coder and the user."""
    external: tuple[ExternalReference, ...]


def complete(files: Files, brief: str, stack: Stack = "static") -> Completed:
    """The files with every kit reference materialised and every broken or external picture and font replaced."""
    site = _Site(dict(files), brief, stack)
    for path in sorted(files):
        if (text := _text(files[path])) is not None:
            site.complete_file(path, text)
    site.bring_dynamic()
    site.link_behaviour()
    site.link_fonts()
    site.make_sheets()
    added = tuple(sorted(path for path in site.files if path not in files))
    return Completed(site.files, added, tuple(dict.fromkeys(site.notes)), tuple(site.external))


@dataclass(slots=True)
class _Site:
    """The files while they are being completed."""

    files: dict[str, bytes]
    brief: str
    stack: Stack
    notes: list[str] = field(default_factory=list)
    external: list[ExternalReference] = field(default_factory=list)

    @property
    def root(self) -> str:
        """Folder whose content is served at `/`."""
        return "public/" if self.stack == "vite-react" else ""

    def complete_file(self, path: str, text: str) -> None:
        text = _with_icon_classes(text)
        pieces, place = [], 0
        for reference in find_references(path, text)[:MOST_REFERENCES]:
            if reference.start < place:
                continue
            start, end, new = self._replacement(reference, text)
            if new is not None and start >= place:
                pieces += [text[place:start], new]
                place = end
        whole = "".join([*pieces, text[place:]])
        if whole.encode() != self.files[path]:
            self.files[path] = whole.encode()

    def _replacement(self, reference: Reference, text: str) -> tuple[int, int, str | None]:
        """Which stretch of the text becomes what; None for the text if nothing changes."""
        start, end, url = reference.start, reference.end, reference.url.strip()
        if not url or url.startswith(("#", "data:", "blob:", "about:", "javascript:", "mailto:", "tel:", "{", "<%")):
            return start, end, None
        if is_external(url):
            return self._answer_external(reference, url, text)
        if "${" in url or "{{" in url:
            return start, end, None
        if (name := kit_name(url)) is not None and (made := self._bring_in(name, reference)) is not None:
            address = self._address(made, reference)
            return start, end, address if address != url else None
        if reference.kind in ("picture", "favicon") and names_picture(url) and not self._exists(url, reference):
            if reference.words in ("body", "html") and not reference.path.endswith(SCRIPTS):
                # A picture behind the whole text would do more harm than the missing one.
                self.notes.append(f"{reference.path}: the page's background {url} does not exist and is left out.")
                return *reference.whole, "none"
            if reference.base == "page" and (folder := _JOINED_FOLDER.search(text)) and "/" not in url:
                return start, end, self._joined(reference, folder[1] or folder[2], url)
            made = self._picture_for(reference, stem(url))
            self.notes.append(f"{reference.path}: {url} does not exist; {made} takes its place.")
            return start, end, self._address(made, reference)
        if reference.kind == "font" and not self._exists(url, reference):
            made = self._font_for(reference)
            self.notes.append(f"{reference.path}: the font file {url} does not exist; {made} takes its place.")
            return start, end, self._address(made, reference)
        return start, end, None

    def _joined(self, reference: Reference, folder: str, name: str) -> str | None:
        """The script puts `folder` before the bare file name, so the picture must lie there; None if one does."""
        if f"{self.root}{folder}{name}" in self.files:
            return None
        leaf = f"{slug(stem(name)) or 'picture'}.svg"
        self.files.setdefault(f"{self.root}{folder}{leaf}", picture(f"{reference.words} {stem(name)}", 360, 240))
        self.notes.append(f"{reference.path}: {folder}{name} does not exist; {folder}{leaf} takes its place.")
        return leaf

    def _font_for(self, reference: Reference) -> str:
        """A file of the kit for a face whose own file is missing or elsewhere."""
        family = nearest_family(reference.words)
        path = f"kit/fonts/{family.faces[0].file}"
        self._add_shipped(f"fonts/{family.faces[0].file}")
        self._add_shipped(f"fonts/{family.slug}.LICENSE.txt")
        return path

    # what stands outside the site

    def _answer_external(self, reference: Reference, url: str, text: str) -> tuple[int, int, str | None]:
        made = self._stand_in(reference, url)
        line = text.count("\n", 0, reference.start) + 1
        kind = reference.kind
        if kind == "hint":
            self.external.append(ExternalReference(url, reference.path, line, kind, "nothing"))
            return *reference.whole, ""
        self.external.append(ExternalReference(url, reference.path, line, kind, made))
        if made == "kit/fonts.css" and self.stack == "vite-react" and not reference.path.endswith(MARKUP):
            # Vite would copy an imported sheet without its fonts; `link_fonts` puts the link into the page.
            self.notes.append(f"{reference.path}:{line}: {url} is replaced by a link to kit/fonts.css in the page.")
            return *reference.whole, ""
        if not made:
            self.notes.append(f"{reference.path}:{line}: {url} cannot be loaded without a network; write it without.")
            return reference.start, reference.end, None
        self.notes.append(f"{reference.path}:{line}: {url} cannot be loaded without a network; {made} takes its place.")
        return reference.start, reference.end, self._address(made, reference)

    def _stand_in(self, reference: Reference, url: str) -> str:
        lowered = url.lower()
        if re.search(
            r"font-?awesome|bootstrap-icons|material-?(?:design-?)?(?:icons|symbols)|icon\?family|boxicons", lowered
        ):
            return "kit/icons.css" if reference.kind == "style" else ""
        if re.search(r"//fonts\.|//use\.typekit|/fonts?/|fontsource|fontshare", lowered) and reference.kind == "style":
            return "kit/fonts.css"
        if reference.kind == "font":
            return self._font_for(reference)
        if reference.kind in ("picture", "favicon") and (
            names_picture(url) or is_placeholder(url) or reference.base == "file"
        ):
            return self._picture_for(reference, remote_words(url), remote_size(url))
        return ""

    # what the kit has

    def _bring_in(self, name: str, reference: Reference) -> str | None:
        """Materialise one file of the kit and say its name under `kit/`; None if the kit has nothing of the kind."""
        folder, _, leaf = name.rpartition("/")
        if name in ("fonts.css", "icons.css"):
            return f"kit/{name}"
        if f"{self._root_for(reference)}kit/{name}" in self.files:
            return f"kit/{name}"
        if folder == "icons":
            return self._bring_icon(posixpath.splitext(leaf)[0], reference)
        if folder == "pictures" or (not folder and names_picture(leaf)):
            return self._bring_picture(posixpath.splitext(leaf)[0], reference)
        if name in kit_files():
            self.files[f"{self._root_for(reference)}kit/{name}"] = kit_files()[name]
            return f"kit/{name}"
        return None

    def _bring_icon(self, leaf: str, reference: Reference) -> str:
        name, _, colour = leaf.rpartition("-")
        if leaf in icon_words() or parse_colour(colour) is None:
            name, colour = leaf, ""
        if find_icon(name) != name:
            self.notes.append(f"{reference.path}: the kit has no icon {name}; {find_icon(name)} takes its place.")
        path = f"kit/icons/{slug(leaf)}.svg"
        self.files.setdefault(self._root_for(reference) + path, icon_svg(name, colour))
        return path

    def _bring_picture(self, words: str, reference: Reference) -> str:
        size = re.search(r"-(\d{2,4})x(\d{2,4})$", words)
        width, height = (int(size[1]), int(size[2])) if size else (360, 240)
        path = f"kit/pictures/{slug(words)}.svg"
        topic = slug(words[: size.start()] if size else words).replace("-", " ")
        colours = tuple(colour.accepted[0] for colour in asked_colours(self.brief))
        made = picture(topic, width, height, colours=colours)
        self.files.setdefault(self._root_for(reference) + path, made)
        return path

    def _picture_for(self, reference: Reference, words: str, size: str = "") -> str:
        """A generated picture for a place that had another: named by its alt text or file name, else by the brief."""
        if reference.kind == "favicon":
            return self._bring_icon(f"{brief_icon(self.brief)}-slategray", reference)
        said = slug(f"{reference.words} {words}") if says_little(reference.words) else slug(reference.words)
        said = said or "picture"
        if not known_subject(said) and (subject := known_subject(self.brief)):
            said = f"{said}-{subject}"
        return self._bring_picture(f"{said[:60].strip('-')}{size}", reference)

    # addresses

    def _root_for(self, reference: Reference) -> str:
        """Vite refuses to import from `public/`, so what a script imports lies beside the sources."""
        return "src/" if self.stack == "vite-react" and _imports(reference) else self.root

    def _address(self, made: str, reference: Reference) -> str:
        """How `reference` names the file at the kit path `made`."""
        if self.stack == "vite-react" and not _imports(reference):
            return f"/{made}"
        if self.stack == "vite-react":
            address = posixpath.relpath(f"src/{made}", posixpath.dirname(reference.path) or ".")
            return address if address.startswith(".") else f"./{address}"
        if reference.base == "file":
            return posixpath.relpath(made, posixpath.dirname(reference.path) or ".")
        return self._depth_of_pages(reference.path) + made

    def _depth_of_pages(self, script: str) -> str:
        """`../` as often as the pages lie deep; `/` if they lie at different depths and none fits all."""
        pages = [script] if script.endswith(MARKUP) else [path for path in self.files if path.endswith(MARKUP)]
        depths = {page.count("/") for page in pages} or {0}
        return "../" * depths.pop() if len(depths) == 1 else "/"

    def _exists(self, url: str, reference: Reference) -> bool:
        path = unquote(re.split(r"[?#]", url)[0])
        folder = posixpath.dirname(reference.path) if reference.base == "file" else ""
        here = posixpath.normpath(posixpath.join(folder, path)) if not path.startswith("/") else path.lstrip("/")
        candidates = {here, f"{self.root}{here}"}
        if reference.base == "page":
            candidates |= {
                posixpath.normpath(posixpath.join(posixpath.dirname(page), path.lstrip("/")))
                for page in self.files
                if page.endswith(MARKUP)
            }
        return any(candidate in self.files for candidate in candidates)

    # sheets

    def link_fonts(self) -> None:
        """Pages that name a web font but never load it get the kit's sheet."""
        texts = self._texts()
        sheets = {path: text for path, text in texts.items() if not path.endswith(MARKUP)}
        if any(path.endswith(".css") and _loads_fonts(text) for path, text in sheets.items() if "kit/" not in path):
            return
        for path in [path for path in texts if path.endswith(MARKUP) and not _loads_fonts(texts[path])]:
            named = wanted_families([texts[path], *sheets.values()], default=False)
            head = re.search(r"</head\s*>|<body\b", texts[path], re.IGNORECASE)
            if not named or head is None:
                continue
            depth = "/" if self.stack == "vite-react" else "../" * path.count("/")
            link = f'<link rel="stylesheet" href="{depth}kit/fonts.css">\n'
            self.files[path] = (texts[path][: head.start()] + link + texts[path][head.start() :]).encode()
            self.notes.append(f"{path}: the font {min(named)} was named but not loaded; kit/fonts.css is linked.")

    def link_behaviour(self) -> None:
        """Pages that use the attributes of kit/site.js get the script."""
        for path, text in self._texts().items():
            if not path.endswith(MARKUP) or not _BEHAVIOUR.search(text):
                continue
            self._add_shipped("site.js")
            if "kit/site.js" not in text:
                end = text.lower().rfind("</body")
                end = end if end >= 0 else len(text)
                script = f'<script src="{"../" * path.count("/")}kit/site.js"></script>\n'
                self.files[path] = (text[:end] + script + text[end:]).encode()
                self.notes.append(f"{path}: attributes of kit/site.js are used; the script is linked.")

    def bring_dynamic(self) -> None:
        """A script that puts addresses together gets every part of the kit that it names in quotes."""
        for path, text in self._texts().items():
            for folder in ("icons", "pictures"):
                if re.search(rf"kit/{folder}/(?:\$\{{|[\"'`]\s*\+)", text):
                    self._bring_quoted(folder, path, text)

    def _bring_quoted(self, folder: str, path: str, text: str) -> None:
        for name in dict.fromkeys(re.findall(r"[\"'`]([A-Za-z0-9][A-Za-z0-9 _-]{1,40})[\"'`]", text)):
            if folder == "icons" and name in icon_words():
                self.files.setdefault(f"{self.root}kit/icons/{name}.svg", icon_svg(name))
            elif folder == "pictures" and known_subject(name):
                colours = tuple(colour.accepted[0] for colour in asked_colours(self.brief))
                made = picture(slug(name).replace("-", " "), 360, 240, colours=colours)
                self.files.setdefault(f"{self.root}kit/pictures/{name}.svg", made)

    def make_sheets(self) -> None:
        texts = self._texts()
        if any(_loads_fonts(text) for text in texts.values()):
            self._make_sheet("kit/fonts.css", site_font_sheet(texts.values()))
            for family in set(wanted_families(texts.values()).values()):
                for face in family.faces:
                    self._add_shipped(f"fonts/{face.file}")
                self._add_shipped(f"fonts/{family.slug}.LICENSE.txt")
        if any("kit/icons.css" in text for text in texts.values()):
            self._make_sheet("kit/icons.css", site_icon_sheet(texts.values()))
        if any(path.startswith(f"{self.root}kit/icons") for path in self.files):
            self._add_shipped("icons/LICENSE.txt")

    def _make_sheet(self, path: str, sheet: str) -> None:
        written = self.files.get(self.root + path)
        if written is None or written.startswith(SHEET_MARK.encode()):
            self.files[self.root + path] = sheet.encode()

    def _add_shipped(self, name: str) -> None:
        self.files.setdefault(f"{self.root}kit/{name}", kit_files()[name])

    def _texts(self) -> dict[str, str]:
        endings = (".html", ".htm", ".css", ".scss", ".js", ".jsx", ".mjs", ".ts", ".tsx")
        return {
            path: text
            for path in sorted(self.files)
            if path.endswith(endings) and (text := _text(self.files[path])) is not None
        }


_BEHAVIOUR = re.compile(
    r"""<[^<>]*\sdata-(?:search|find|filter|sort|add|answer|login|vote|put|open|toggle|report|chart|choose|mark|details|comments)(?=[\s=>])|kit/site\.js"""
)


def _loads_fonts(text: str) -> bool:
    return "kit/fonts.css" in text or "kit/site.css" in text


def _imports(reference: Reference) -> bool:
    return reference.base == "file" and reference.path.endswith(SCRIPTS)


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


MOST_REFERENCES = 1000
"""Of one file; more are left as they are."""
_JOINED_FOLDER = re.compile(r"[\"']((?:[\w.-]+/)+)[\"']\s*\+|`((?:[\w.-]+/)+)\$\{[^}]*\}`")
_LIGATURE = re.compile(
    r"(<(i|span)\b[^<>]*\bclass(?:Name)?=[\"'])([^\"']*\bmaterial-(?:icons|symbols)[\w-]*[^\"']*)([\"'][^<>]*>)\s*([a-z][a-z0-9_]+)\s*(</\2>)"
)


def _with_icon_classes(text: str) -> str:
    """Icon fonts that turn words into glyphs cannot be answered by a sheet: the word becomes a class."""
    return _LIGATURE.sub(lambda m: f"{m[1]}kit-icon-{m[5].replace('_', '-')} {m[3]}{m[4]}{m[6]}", text)
