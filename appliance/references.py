"""Where a site's HTML, CSS and JavaScript name other files or addresses.

Reads text, not syntax trees: model-written files are often broken, and a reference must be found in those too.
Not found: addresses that a script builds at run time from parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ReferenceKind = Literal["picture", "favicon", "style", "script", "font", "media", "hint", "frame"]
Base = Literal["file", "page"]

MARKUP = (".html", ".htm")
SHEETS = (".css", ".scss")
SCRIPTS = (".js", ".jsx", ".mjs", ".ts", ".tsx")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".bmp")

# Possessive and bounded, because a file may be one endless run of anything; what is never closed reaches to the end.
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<([a-zA-Z][\w-]*+)((?:\"[^\"]*+\"|'[^']*+'|(?>\{[^{}]*+\}|\{)|[^<>\"'{]++){0,400})>")
_ATTRIBUTE = re.compile(r"(?<![\w:@-])([\w:@-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>{}=`]++))")
_RAW_ELEMENT = re.compile(r"<(script|style)\b[^<>]*+>(.*?)(?:</\1\s*+>|\Z)", re.DOTALL | re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_CSS_URL = re.compile(r"url\(\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'()]++))\s*+\)")
_CSS_IMPORT = re.compile(r"@import\s+(?:url\(\s*)?(?:\"([^\"]*)\"|'([^']*)'|([^\s\"');]+))")
_SCRIPT_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"((?:\\.|[^\"\\\n]++){0,9999})\"|'((?:\\.|[^'\\\n]++){0,9999})'"
    r"|`((?:\\.|[^`\\]++)*)(?:`|\Z)",
    re.DOTALL,
)
_IMPORTING = re.compile(r"(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\(|\bnew\s+URL\s*\()\s*$")
_ONLY_A_NAME = re.compile(r"(?:download|file_?name|accept|endsWith|includes|type)\b[\s\"',=:(]*$", re.IGNORECASE)
_NAMED_NEARBY = re.compile(r"\b(?:alt|name|title|label|caption)\s*[:=]\s*[{]?\s*[\"'`]([^\"'`$]{2,80})[\"'`]")
_PICTURE_HOSTS = re.compile(
    r"^(?:https?:)?//(?:[\w-]+\.)*(?:placeholder\.com|placehold\.co|placehold\.it|placeholdit\.com|dummyimage\.com"
    r"|fakeimg\.pl|placekitten\.com|placedog\.net|placebear\.com|placeimg\.com|loremflickr\.com|lorempixel\.com"
    r"|picsum\.photos|unsplash\.com|pexels\.com|pixabay\.com|pravatar\.cc|randomuser\.me|ui-avatars\.com|robohash\.org"
    r"|dicebear\.com|imgur\.com|gravatar\.com|flickr\.com|cloudinary\.com|wikimedia\.org)(?:/|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One address in one file. `start:end` is the address in the text; `whole` is the tag or statement around it."""

    path: str
    start: int
    end: int
    url: str
    kind: ReferenceKind
    base: Base
    """What a relative address starts from: the file it stands in, or the page that runs the script."""
    words: str = ""
    """What the page itself calls the picture: its alt text or the name beside it."""
    whole: tuple[int, int] = (0, 0)


def find_references(path: str, text: str) -> tuple[Reference, ...]:
    """All references of one file in the order of their place; none for files of other kinds."""
    lowered = path.lower()
    if lowered.endswith(MARKUP):
        found = _in_markup(path, text, 0, "file")
    elif lowered.endswith(SHEETS):
        found = _in_sheet(path, text, 0, "file")
    elif lowered.endswith(SCRIPTS):
        found = _in_script(path, text, 0)
    else:
        return ()
    by_place = {(reference.start, reference.end): reference for reference in found}
    return tuple(by_place[place] for place in sorted(by_place))


def is_external(url: str) -> bool:
    return url.lower().startswith(("http://", "https://", "//"))


def names_picture(url: str) -> bool:
    return re.split(r"[?#]", url)[0].lower().endswith(PICTURE_ENDINGS)


def _in_markup(path: str, text: str, offset: int, base: Base) -> Iterator[Reference]:
    visible = _blanked(_COMMENT, text)
    for element in _RAW_ELEMENT.finditer(visible):
        inside = offset + element.start(2)
        if element[1].lower() == "style":
            yield from _in_sheet(path, element[2], inside, base)
        else:
            yield from _in_script(path, element[2], inside)
    markup = _RAW_ELEMENT.sub(
        lambda m: m[0][: m.start(2) - m.start()] + " " * len(m[2]) + m[0][m.end(2) - m.start() :], visible
    )
    for tag in _TAG.finditer(markup):
        yield from _in_tag(path, tag, offset, base)


def _in_tag(path: str, tag: re.Match[str], offset: int, base: Base) -> Iterator[Reference]:
    name = tag[1].lower()
    attributes = {m[1].lower(): m for m in _ATTRIBUTE.finditer(tag[2])}
    values = {key: _value(m) for key, m in attributes.items()}
    words = values.get("alt", "") or values.get("title", "") or values.get("aria-label", "")
    whole = (offset + tag.start(), offset + tag.end())
    for key, match in attributes.items():
        start = offset + tag.start(2) + _value_start(match)
        value = values[key]
        if key == "style":
            yield from _in_sheet(path, value, start, base)
        elif key in ("srcset", "data-srcset"):
            for candidate in re.finditer(r"([^\s,][^\s]*?)(?:\s+[\d.]+[wx])?\s*(?:,|$)", value):
                here = (start + candidate.start(1), start + candidate.end(1))
                yield Reference(path, *here, candidate[1], "picture", base, words, whole)
        elif kind := _kind_of(name, key, values):
            yield Reference(path, start, start + len(value), value, kind, base, words, whole)


def _kind_of(tag: str, key: str, values: dict[str, str]) -> ReferenceKind | None:
    value = values[key]
    match tag, key:
        case ("img" | "input", "src" | "data-src") | ("video", "poster"):
            return "picture"
        case ("source" | "video" | "audio" | "track", "src"):
            return "media"
        case "script", "src":
            return "script"
        case ("iframe" | "embed", "src") | ("object", "data"):
            return "frame"
        case ("image", "href" | "xlink:href"):
            return "picture"
        case "a", "href" if names_picture(value) and not is_external(value):
            return "picture"
        case "link", "href":
            return _link_kind(values.get("rel", "").lower().split(), values.get("as", "").lower())
        case _, ("src" | "image" | "img" | "avatar" | "icon" | "logo") if names_picture(value):
            return "picture"  # a property of a component
    return None


def _link_kind(rel: list[str], preloaded: str) -> ReferenceKind | None:
    if "stylesheet" in rel or preloaded == "style":
        return "style"
    if any(word in rel for word in ("icon", "apple-touch-icon", "mask-icon")):
        return "favicon"
    if any(word in rel for word in ("preconnect", "dns-prefetch", "prefetch", "preload", "modulepreload")):
        return "hint"
    return None


def _in_sheet(path: str, text: str, offset: int, base: Base) -> Iterator[Reference]:
    visible = _blanked(_CSS_COMMENT, text)
    imports = list(_CSS_IMPORT.finditer(visible))
    for match in imports:
        group = match.lastindex or 1
        stop = visible.find(";", match.end())
        whole = (offset + match.start(), offset + (stop + 1 if stop >= 0 else len(visible)))
        yield Reference(
            path, offset + match.start(group), offset + match.end(group), match[group], "style", base, "", whole
        )
    inside_imports = [range(match.start(), match.end()) for match in imports]
    for match in _CSS_URL.finditer(visible):
        group = match.lastindex or 1
        if any(match.start(group) in span for span in inside_imports):
            continue
        kind: ReferenceKind = "font" if _in_font_face(visible, match.start()) else "picture"
        words = _family_of_face(visible, match.start()) if kind == "font" else _selector_words(visible, match.start())
        here = (offset + match.start(group), offset + match.end(group))
        yield Reference(path, *here, match[group], kind, base, words, (offset + match.start(), offset + match.end()))


def _selector_words(sheet: str, place: int) -> str:
    """The words of the rule's selector, which often say what its picture shows."""
    opening = sheet.rfind("{", 0, place)
    selector = sheet[:opening].rpartition("}")[2].strip() if opening >= 0 else ""
    return " ".join(re.findall(r"[a-zA-Z]{3,}", selector)) if len(selector) < 60 else ""


def _family_of_face(sheet: str, place: int) -> str:
    face = sheet[sheet.rfind("{", 0, place) : sheet.find("}", place)]
    found = re.search(r"font-family\s*:\s*[\"']?([^\"';]+)", face)
    return found[1].strip() if found else ""


def _in_font_face(sheet: str, place: int) -> bool:
    opening = sheet.rfind("{", 0, place)
    return opening >= 0 and sheet[:opening].rstrip().endswith("@font-face")


def _in_script(path: str, text: str, offset: int) -> Iterator[Reference]:
    for token in _SCRIPT_TOKEN.finditer(text):
        if token.lastindex is None:
            continue
        value, start = token[token.lastindex], token.start(token.lastindex)
        before = text[max(0, token.start() - 40) : token.start()]
        base: Base = "file" if _IMPORTING.search(before) else "page"
        if "<" in value and ">" in value:
            yield from _in_markup(path, value, offset + start, "page")
        elif "url(" in value:
            yield from _in_sheet(path, value, offset + start, "page")
        elif _is_asset(value) and not _ONLY_A_NAME.search(before):
            words = _words_near(text, token)
            whole = (offset + token.start(), offset + token.end())
            yield Reference(path, offset + start, offset + start + len(value), value, "picture", base, words, whole)


def _is_asset(value: str) -> bool:
    if "\n" in value or len(value) > 400:
        return False
    if is_external(value):
        return names_picture(value) or is_placeholder(value)
    return names_picture(value) and not re.search(r"[\s,*{}]", value) and not value.rpartition("/")[2].startswith(".")


def is_placeholder(url: str) -> bool:
    """True for hosts that serve nothing but pictures, whatever the address ends in."""
    return _PICTURE_HOSTS.match(url) is not None


def _words_near(text: str, token: re.Match[str]) -> str:
    """What the object or tag around a literal calls itself: the nearest name within it."""
    left = max(text.rfind("{", 0, token.start()), text.rfind("<", 0, token.start()), token.start() - 240, 0)
    ends = [place for mark in ("}", ">") if (place := text.find(mark, token.end())) >= 0]
    right = min([*ends, token.end() + 240, len(text)])
    found = [match for match in _NAMED_NEARBY.finditer(text, left, right)]
    return min(found, key=lambda match: abs(match.start() - token.start()))[1] if found else ""


def _value(match: re.Match[str]) -> str:
    return next(group for group in match.groups()[1:] if group is not None)


def _value_start(match: re.Match[str]) -> int:
    return match.start(next(i for i in (2, 3, 4) if match[i] is not None))


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """The text with each match replaced by as many spaces, so that places stay true."""
    return pattern.sub(lambda match: " " * len(match[0]), text)
