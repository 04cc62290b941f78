"""What a picture or icon of a site is to be called, read from addresses and words."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qs, unquote

from appliance.references import is_placeholder
from sandbox.kit import icon_words
from sandbox.page_text import parts_of


def slug(words: str) -> str:
    """Lower-case words joined by hyphens; letters outside ASCII are dropped."""
    return re.sub(r"[^a-z0-9]+", "-", unquote(words).lower().replace("'", "")).strip("-")


def kit_name(url: str) -> str | None:
    """`icons/search.svg` for any spelling of an address under `kit/`."""
    found = re.search(r"^(?:\.{0,2}/)*(?:public/)?kit/([^?#]+)", url)
    return unquote(found[1]) if found else None


def stem(url: str) -> str:
    return posixpath.splitext(posixpath.basename(re.split(r"[?#]", url)[0]))[0]


_GENERIC = re.compile(
    r"image|img|picture|photo|pic|placeholder|item|product|logo|icon|thumb(?:nail)?|banner|hero|avatar"
)


def says_little(words: str) -> bool:
    return not [word for word in slug(words).split("-") if len(word) > 2 and not _GENERIC.fullmatch(word)]


def remote_words(url: str) -> str:
    """What a picture service was asked for: its text or search words, else a speaking file name."""
    parts = parts_of(url.split("${")[0])
    query = parse_qs(parts.query)
    for key in ("text", "name", "query", "q", "keywords", "seed"):
        if key in query:
            return " ".join(query[key])
    if re.search(r"pravatar|randomuser|ui-avatars|robohash|dicebear|gravatar", parts.netloc):
        return "portrait " + " ".join(re.findall(r"\d+", parts.path + parts.query))
    asked = [word for word in re.split(r"[,&/+]", unquote(parts.query)) if re.fullmatch(r"[a-zA-Z -]{3,30}", word)]
    if asked and "unsplash" in parts.netloc:
        return " ".join(asked)
    words = re.findall(r"[a-z]{3,}", stem(parts.path).lower())
    speaking = [word for word in words if word not in ("photo", "random", "seed", "img", "image", "jpg", "api")]
    return " ".join(speaking) if speaking and not re.search(r"photo-\d{6,}", url) else ""


def remote_size(url: str) -> str:
    """`-300x200` for the size that a picture service was asked for; empty if the address names none."""
    if found := re.search(r"(?<!\d)(\d{2,4})\s*[x/]\s*(\d{2,4})(?!\d)", url):
        return f"-{found[1]}x{found[2]}"
    query = parse_qs(parts_of(url).query)
    width = query.get("w", query.get("width", [""]))[0]
    if re.fullmatch("[0-9]{2,4}", width) and 16 <= int(width) <= 4000:
        return f"-{width}x{int(width) * 2 // 3}"
    if (single := re.search(r"/(\d{2,4})(?:[?/.]|$)", url)) and is_placeholder(url):
        return f"-{single[1]}x{single[1]}"
    return ""


def brief_icon(brief: str) -> str:
    """The first word of the brief that the kit has an icon for; a globe if there is none."""
    words = re.findall(r"[a-z]{4,}", brief.lower())
    return next((word for word in words if word in icon_words()), "globe")
