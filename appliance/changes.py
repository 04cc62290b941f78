"""Apply an Artifact's changes to a site's files. Pure: nothing is written anywhere.

Every path goes through `sandbox.workspace`; a change that is refused is left out and said, the others stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from appliance.steps import Change, FileAppend, FileDelete, FileEdit, Files, FileWrite
from sandbox.errors import WorkspaceRefused
from sandbox.workspace import check_files, check_path

MOST_SEARCH_CHARS = 20_000
"""Of an edit whose text does not stand in the file exactly so, and which is looked for line by line."""
_WRAP = {"css": "<style>\n{}\n</style>\n", "js": "<script>\n{}\n</script>\n", "html": "{}\n"}
_BEFORE = {"css": ("</head>",), "js": ("</body>",), "html": ("</main>", "<footer", "</body>")}


def apply_changes(files: Files, changes: Iterable[Change]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The new files, and one sentence for each change that was refused or did not fit."""
    result, problems = dict(files), list[str]()
    for change in changes:
        try:
            check_path(change.path)
            proposed = _applied(result, change)
            check_files(proposed)
        except (WorkspaceRefused, _DoesNotFit) as refused:
            problems.append(str(refused))
            continue
        result = proposed
    return result, tuple(problems)


class _DoesNotFit(ValueError):
    """An edit whose place is not there."""


def _applied(files: dict[str, bytes], change: Change) -> dict[str, bytes]:
    match change:
        case FileWrite(path, content):
            return {**files, path: content.encode()}
        case FileDelete(path):
            return {name: content for name, content in files.items() if name != path}
        case FileEdit(path, search, replace):
            return {**files, path: _edited(_text(files, path), path, search, replace).encode()}
        case FileAppend(path, language, content):
            return {**files, path: _appended(_text(files, path), path, language, content).encode()}


def _text(files: dict[str, bytes], path: str) -> str:
    if path not in files:
        raise _DoesNotFit(f"{path} cannot be edited because it does not exist")
    return files[path].decode("utf-8", "replace")


def _edited(text: str, path: str, search: str, replace: str) -> str:
    if search and text.count(search) == 1:
        return text.replace(search, replace)
    if len(search) > MOST_SEARCH_CHARS:
        raise _DoesNotFit(f"the edit of {path} was left out: the text to replace has {len(search)} characters")
    lines = [re.escape(line.strip()) for line in search.strip().splitlines()]
    places = list(re.finditer(r"[ \t]*+\n[ \t]*+".join(lines), text)) if any(lines) else []
    if len(places) == 1:
        return text[: places[0].start()] + replace.strip() + text[places[0].end() :]
    found = "is not there" if not places and search not in text else "stands there more than once"
    raise _DoesNotFit(f"the edit of {path} was left out: the text to replace {found}")


def _appended(text: str, path: str, language: str, content: str) -> str:
    if not path.endswith((".html", ".htm")):
        return f"{text.rstrip()}\n\n{content}\n"
    block = _WRAP[language].format(content.replace("</script", "<\\/script") if language == "js" else content)
    low = text.lower()
    places = (low.rfind(mark) for mark in _BEFORE[language])
    place = next((place for place in places if place >= 0), len(text))
    if language == "html" and low[:place].rstrip().endswith("</footer>"):  # what comes last on a page stays last
        place = low.rfind("<footer", 0, place)
    return text[:place] + block + text[place:]
