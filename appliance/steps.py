"""The nouns. Frozen records that every other module passes on; no behaviour beyond what a record says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Files = Mapping[str, bytes]
"""A site's files: relative POSIX path → content."""

ItemKind = Literal["functional", "data-display", "design"]
Proof = Literal[
    "add",
    "complete",
    "edit",
    "delete",
    "filter",
    "search",
    "persist",
    "navigate",
    "submit",
    "shows-text",
    "colour",
    "none",
]
"""What must be seen happening for a checklist item to hold; `none` where no exact fact can prove it."""
Answer = Literal["YES", "PARTIAL", "NO", "unjudged"]

StepKind = Literal["build", "draft", "repair", "gui_test", "finish", "edit", "restore"]
RunStatus = Literal["queued", "running", "done", "stopped", "failed"]
Severity = Literal["error", "serious", "minor"]


@dataclass(frozen=True, slots=True)
class Build:
    """The artifact's files are to be written and looked at."""


@dataclass(frozen=True, slots=True)
class RequestGuiTest:
    """The coder is content with the look and asks for a click-through."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The coder declares the site done."""


Action = Build | RequestGuiTest | Finish


@dataclass(frozen=True, slots=True)
class FileWrite:
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class FileEdit:
    """Replace the one place in `path` that equals `search`."""

    path: str
    search: str
    replace: str


@dataclass(frozen=True, slots=True)
class FileAppend:
    """Text to add to a page or sheet so that it wins over what stands there already."""

    path: str
    language: Literal["css", "js", "html"]
    content: str


@dataclass(frozen=True, slots=True)
class FileDelete:
    path: str


Change = FileWrite | FileEdit | FileAppend | FileDelete


@dataclass(frozen=True, slots=True)
class Artifact:
    """All that one completion delivers, and how it had to be read."""

    action: Action
    changes: tuple[Change, ...] = ()
    title: str = ""
    rescues: tuple[str, ...] = ()
    """What the tolerant reading had to mend, in words; empty for a well-formed reply."""
    problems: tuple[str, ...] = ()
    """What could not be read and was left out, in words for the coder."""
    truncated: bool = False
    """The reply ends inside a file; that file is not among the changes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the running site: what kind, where, and what was seen."""

    kind: str
    place: str
    evidence: str
    severity: Severity = "serious"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One acceptance test: what a visitor does, what must come of it, and what would prove it."""

    task: str
    expected: str
    kind: ItemKind
    proof: Proof = "none"
    subject: str = ""
    """The named thing that the proof is about (`task`, `Contact`, `teal`); empty where none is named."""


@dataclass(frozen=True, slots=True)
class DroppedItem:
    """A proposed test that was not taken, and why."""

    task: str
    reason: str


FROM_FILE = "file"


@dataclass(frozen=True, slots=True)
class Checklist:
    """`origin` says who wrote it: `FROM_FILE` where the user did, or a model's name."""

    items: tuple[ChecklistItem, ...] = ()
    dropped: tuple[DroppedItem, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge's answer to checklist item `item` (counted from 0), with the evidence that decided it."""

    item: int
    answer: Answer
    judge: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What trying one thing on the page showed. `holds` is False for a defect.

    `kind` is of the explorer's closed set; `proof` is the promise that the fact bears on, `none` for others.
    """

    kind: str
    place: str
    holds: bool
    evidence: str
    proof: Proof = "none"
    subject: str = ""
    """Words on and around the control, for telling which thing of the page this is about."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the explorer: a verb of the hands, the control (empty for `open`), and what was typed."""

    verb: str
    target: Mapping[str, str | int]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Exploration:
    """All that exercising every control showed. `unfinished` says why some were not tried; empty when all were."""

    facts: tuple[Fact, ...] = ()
    controls: int = 0
    acts: int = 0
    seconds: float = 0.0
    unfinished: str = ""
    sequences: tuple[tuple[Act, ...], ...] = ()
    """Acts that did what they should, each from a page without stored state; for replays."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """What one width showed. Sizes in CSS pixels; `blank` means that no visible ink was found."""

    width: int
    height: int
    page_height: int
    overflow_px: int
    """How far the page can be scrolled sideways."""
    blank: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """A visible heading; the numbers count what stands below it, up to the next one of its level or above."""

    level: int
    text: str
    chars: int
    blocks: int
    """Texts, pictures and controls."""
    controls: int
    """Buttons and fields."""
    figures: int = 0
    """Charts and other drawings that are no icons."""
    bare: bool = False
    """The heading of a list's entry whose text, hidden parts included, holds no figure."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Exact facts of one page load. `status` is the HTTP status of the page, None if nothing answered."""

    status: int | None
    load_seconds: float
    title: str
    text_chars: int
    findings: tuple[Finding, ...]
    viewports: tuple[Viewport, ...]
    colours_asked: tuple[str, ...] = ()
    """Colour names or codes that the brief asks for, as written there."""
    colours_found: tuple[str, ...] = ()
    """Those of them that cover a visible part of the page."""
    styled: bool = True
    """False when no author style sheet has any effect."""
    interactive: int = 0
    """Number of visible controls: links, buttons, fields."""
    blocks: int = 0
    """Number of visible headings, paragraphs, list items, table rows, fields and pictures."""
    outline: tuple[Heading, ...] = ()
    words: str = ""
    """The visible text in reading order, cut at 12,000 characters."""

    @property
    def has_error(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Grade:
    """`score` is 0–5; None means that it was not measured, and `reason` says why."""

    score: float | None
    reason: str
    judge: str
    """Name and version, e.g. `rules@1`."""
    suggestion: str = ""
    evidence: tuple[str, ...] = ()
    seen: str = ""
    """What a judge with eyes describes, without its score; empty for others."""


@dataclass(frozen=True, slots=True)
class Scores:
    appearance: Grade
    functionality: Grade


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored screenshot: what it shows and the blob's SHA-256."""

    name: str
    sha256: str
    width: int


@dataclass(frozen=True, slots=True)
class Observation:
    """All that came back from one action."""

    stage: Literal["parse", "write", "packages", "build", "serve", "page", "done"]
    """The first gate that failed, or `done`."""
    error: str = ""
    """One line saying what failed at `stage`; empty when nothing did."""
    log: str = ""
    audit: Audit | None = None
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    """Rescues and replacements that the coder and the user should know of."""
    exploration: Exploration | None = None
    """None where an earlier gate failed, or nobody explores."""
    verdicts: tuple[Verdict, ...] = ()
    """One for each checklist item, in order; empty where no page was seen."""
    regressions: tuple[Finding, ...] = ()
    """Replays that passed in an earlier step and fail now."""
    traces: tuple[GuiTrace, ...] = ()
    """What the GUI agent did, one for each checklist item that it tried."""
    gui_grade: Grade | None = None
    """The grade that the reference's way of testing ends with; None where verdicts decide."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one completion cost. Token counts as the engine reports them."""

    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    completion_tokens: int = 0
    model_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One completion and everything that followed from it."""

    n: int
    kind: StepKind
    parent: int | None
    """The step whose files this one started from; None for the empty workspace."""
    snapshot: str
    """Content id of the files after the step."""
    built: str = field(default="", kw_only=True)
    """Content id of what the build made of them; empty where there is no build."""
    observation: Observation
    scores: Scores
    usage: Usage
    has_error: bool
    seconds: float = 0.0
    """Wall time from the request to the commit, the model's own time included."""
    aim: str = ""
    """What the step set out to do, in words: `draft 2 of 4`, `repair: …`."""
    verdict: Literal["kept", "rejected"] = "kept"
    """A rejected step is stored but never built upon."""
    signal: Literal["", "gui_test", "finish", "broke"] = ""
    """What the coder asked for besides the files; `broke` when a part failed before there was anything to look at."""
    finding_key: str = ""
    """The finding a repair aimed at, so that the same fix is not tried for ever."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on from the tip."""


@dataclass(frozen=True, slots=True)
class Backtrack:
    """Go back to step `to`, or to the empty workspace if there is none worth keeping."""

    to: int | None


@dataclass(frozen=True, slots=True)
class Stop:
    reason: str
    finished: bool = True
    """False where the run could go on."""


Decision = Continue | Backtrack | Stop


@dataclass(frozen=True, slots=True)
class LikenessRef:
    """The user's picture of how the site should look: the stored PNG, and two colours of it as codes."""

    sha256: str
    background: str
    component: str


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a user asked for, with every choice made explicit. Stored as the run's first record."""

    brief: str
    profile: str
    model: str
    stack: Literal["static", "vite-react"] = "static"
    steps: int = 8
    drafts: int = 4
    seed: int = 1
    token_budget: int = 0
    """The most completion tokens that may be begun with; 0 means no limit."""
    rules: Literal["fixed", "faithful"] = "fixed"
    instruction: str = ""
    """A follow-up wish on a finished site; empty for a new one."""
    base_url: str = ""
    """OpenAI-compatible endpoints, separated by commas; empty for the local engine."""
    likeness: LikenessRef | None = None
    extras: Mapping[str, str] = field(default_factory=dict)


GuiEnd = Literal["answered", "loop", "malformed", "page lost", "too long", "cancelled"]


@dataclass(frozen=True, slots=True)
class GuiAct:
    """One action of a GUI test and what was seen to come of it."""

    verb: str
    words: str
    """The action as one reads it: `click button "Add"`."""
    target: Mapping[str, str | int] = field(default_factory=dict)
    """The control, so described that it is found again in a later version of the page; empty where none was named."""
    text: str = ""
    thought: str = ""
    done: bool = True
    effect: str = ""
    """What it changed, or why it could not be done, in words."""
    changed: bool = False
    url: str = ""
    added: tuple[str, ...] = ()
    """Visible lines that came."""
    removed: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    """Exceptions and failed requests meanwhile, with their places."""
    before: str = ""
    """Fingerprint of the page before the act."""
    after: str = ""
    picture: str = ""
    """SHA-256 of the page's picture after the act, where pictures are kept."""
    seconds: float = 0.0
    """Without the model."""


@dataclass(frozen=True, slots=True)
class GuiTrace:
    """What the GUI agent did for one checklist item and saw. `answer` is only the driver's own: evidence decides."""

    task: str
    expected: str
    model: str
    acts: tuple[GuiAct, ...]
    answer: Answer
    reason: str
    ended: GuiEnd
    start: str = "/"
    text_before: str = ""
    text_after: str = ""
    """Visible lines of the page."""
    storage_after: Mapping[str, str] = field(default_factory=dict)
    url_after: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    item: int = 0
    """Number of the checklist item."""
