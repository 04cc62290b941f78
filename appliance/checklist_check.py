"""Acceptance tests against the brief: what is dropped and why, what a test's words prove, and tests by rule. Pure.

The rules know English and the CSS colours, no site and no trade. What they cannot read they let stand, with proof
`none`: such an item is for a judge that can read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from appliance.colours import asked_colours
from appliance.explorer_facts import speaks_of_order
from appliance.steps import ChecklistItem, DroppedItem, ItemKind, Proof

RULES = "rules@1"
FEWEST, MOST = 4, 8

# Where a text speaks of several, the last one is what it is after: "add a task, then delete it".
_DOING: tuple[tuple[Proof, str], ...] = (
    ("add", r"\badd(?:s|ing)?\b|\bcreat(?:e|es|ing|ion)\b|\binsert|\bupload|\bposting\b|\bpost (?:an?|new)\b"),
    (
        "add",
        r"^(?:try )?(?:post|reply|replies|replying|comment|commenting|publish|publishing)\b"
        r"(?= (?:to|on|in|the|something)\b|\W*$)",
    ),
    ("add", r"^(?:try )?(?:(?:[\w-]+ ){1,3}management\W*$|manag(?:e|ing) (?:[\w-]+ ?){1,3}\W*$)"),
    ("complete", r"\bmark(?:s|ing)?\b.{0,40}?\b(?:complete|completed|done|finished)\b|\btick|\bcheck(?:ing)? off\b"),
    ("complete", r"\bcomplet(?:e|ing) (?:(?:an?|the|their) )?(?:task|to-?do|item|habit|goal|lesson)"),
    ("edit", r"\bedit(?:s|ing)?\b|\bmodif(?:y|ies|ying|ication)|(?<!real-time )\bupdat(?:e|ing)\b|\brenam(?:e|ing)\b"),
    ("edit", r"\bchang(?:e|ing)\b(?!.*\b(?:theme|mode|colou?r|view|language|level)\b)"),
    ("delete", r"\bdelet(?:e|es|ing|ion)\b|\bremov(?:e|es|ing|al)\b|\bdiscard"),
    ("filter", r"\bfilter|\bsort(?:s|ed|ing)?\b"),
    (
        "filter",
        r"\b(?:brows\w+|view\w*|explor\w+|see) (?:through )?(?:different|various) (?:type|kind|genre|categorie)s of\b",
    ),
    ("filter", r"\bbrows(?:e|ing)(?= (?:[\w-]+ ){1,3}by (?:category|type|kind|genre|topic)\b)"),
    ("search", r"\bsearch|\blook(?:ing)? up\b|\bquer(?:y|ies|ying)\b"),
    ("persist", r"\breload|\brefresh|\bpersist|\bremember"),
    ("submit", r"\bsubmit|\bsubmission|\bsend(?:s|ing)?\b|\bfill(?:s|ing)? (?:in|out|it)\b|\bsubscrib|\brsvp\b"),
    ("submit", r"\bsign(?:ing)?[ -](?:up|in)\b|\bregist(?:er|ering|ration)\b|\blog(?:ging)?[ -]?in\b|\bcheck ?out\b"),
    ("submit", r"\bbook(?:ing)? (?:an?|the|your)\b|\breserve\b|\bmak(?:e|ing) .{0,20}?\b(?:bookings?|reservations?)\b"),
    ("submit", r"\b(?:contact|order|booking|reservation|feedback|inquiry|application) forms?\b|\bform[ -]filling\b"),
)
_GOING = re.compile(
    r"\bnavigat|\b(?:navigation|main) menu\b|\bmenu (?:links?|items?|bar)\b|\blinks?\b|\bgo(?:es|ing)? to\b"
    r"|\b(?:open|access|visit)(?:s|ing)? (?:the|an?|each) .{0,50}?\b(?:pages?|sections?|tabs?)\b"
    r"|\bclick(?:ing)? on the .{0,50}?\b(?:pages?|sections?|tabs?)\b",
    re.IGNORECASE,
)
_SEEING = re.compile(
    r"\bdisplay|\bshow|\bview|\bsee\b|\blist(?:s|ed|ing)?\b|\bread\b|\bpresence\b|\bbrows|\bvisible\b|\bcontents?\b"
    r"|\bintroduc|\blook for\b|\blearn about\b|\binformation\b",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"\bcolou?rs?\b|\bbackgrounds?\b", re.IGNORECASE)

_VAGUE = re.compile(
    r"\b(?:works?|working|functions?|behaves?|looks?|feels?|is|are|be) (?:very |really )?"
    r"(?:well|nice|good|great|fine|correct|properly|correctly|as expected|beautiful|modern|professional|attractive)\b"
    r"|\buser[- ]friendly\b|\bintuitive\b|\bseamless(?:ly)?\b|\bsmooth(?:ly)?\b|\bengaging\b|\bhigh[- ]quality\b"
    r"|\bvisually appealing\b|\bprofessional\b|\bproperly\b|\bcorrectly\b|\bas expected\b|\bwithout (?:any )?errors?\b"
    r"|\beasy to use\b|\bgood user experience\b|\bperforms? well\b",
    re.IGNORECASE,
)
_OUT_OF_SIGHT = re.compile(
    r"\b(?:databases?|servers?|back-?end|source code|seo|search engines?|inbox|encrypt\w*"
    r"|e-?mails? (?:is|are) received)\b",
    re.IGNORECASE,
)

# Features that are often proposed unasked: how a test names them, and what in a brief calls for them.
_FEATURES = (
    (
        "a login",
        r"\blog[ -]?in\b|\bsign[ -]?(?:in|up)\b|\bregist(?:er|ration)|\baccounts?\b|\bpasswords?\b",
        r"member|permission|profile|authenticat|\busers? manage|secur",
    ),
    ("a cart", r"\bcart\b|\bbasket\b", r"shop|store|commerce|order|purchas|\bbuy|\bsell|sale"),
    (
        "payment",
        r"\bpay(?:s|ing|ments?)?\b|\bcredit card|\bcheck ?out\b",
        r"shop|store|commerce|order|purchas|\bbuy|donat",
    ),
    ("a newsletter", r"\bnewsletter", r"subscri"),
    ("comments", r"\bcomments?\b|\breviews?\b|\bratings?\b", r"forum|discuss|feedback|\brate\b|testimonial"),
    ("sharing", r"\bshar(?:e|es|ing)\b|\bsocial media\b", r"social|communit"),
    ("an export", r"\bexport|\bdownload|\bprint(?:s|ing)?\b", r"\bpdf\b|\breport"),
    ("an upload", r"\bupload|\battach", r"\bfiles?\b|\bphotos?\b|\bimages?\b"),
    ("a chat", r"\bchats?\b|\bchatbot", r"messag|convers|support"),
    ("a map", r"\bmaps?\b", r"location|directions"),
    ("notifications", r"\bnotifications?\b|\breminders?\b", r"notif|remind|alert"),
    ("themes", r"\bdark mode\b|\bthemes?\b", r"customi[sz]"),
    ("a search", r"\bsearch", r"\bfind|look up|quer"),
    ("a filter", r"\bfilter|\bsort(?:s|ed|ing)?\b", r"categor|brows|compar|narrow"),
)

_PLAIN_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about above
    accept access action after again all already also an and another any appear are as at back bar be
    been before below between block blank both bottom box browse browser by button can change check choose clear click
    close colour color come confirm confirmation contain content correct current default description desktop detail
    different display do does done down each element empty enter entry error existing expected field fill find first
    follow for form from function functionality feature get give go good has have header heading home homepage how if
    image in information input into is it item its label last layout leave left less like link list load look main make
    mark match menu message mobile more move must name navigate navigation new next no not nothing number of off on one
    only open option or order other out own page part phone picture place placeholder plain press previous provide real
    reload relevant remain remove required result right same save screen scroll section see select send set should show
    shown site size some stay still submit such sure tab table test text than that the their them then there these they
    thing this through time title to top try two type under up update use user using valid value verify via view
    visible visit visitor want was way website web well what when where which while who will wish with within without
    word work write you your example sample try add delete edit filter search sort complete""",
    )
)
_GENERIC_NOUNS = frozenset(
    re.findall(
        r"\w+",
        """information functionality function feature detail data page section system form button list item entry record
    option result content process website site existing new valid first second own specific different other it them
    these those this that the a an their his her your my our all any each some one more multiple several current
    selected available use accessing its can apply operation operations correctly corresponding
    manage managing management capabilities something try
    customized following various personal appropriate necessary relevant for from before between
    each back bar incomplete incorrect correct invalid latest test verify check assess evaluate confirm ensure validate
    access capability clearly related able""",
    )
)
_PHRASE_ENDS = re.compile(
    r"[,.;:()]|\b(?:by|to|in|on|from|with|using|and|or|as|of|that|which|then|through|after|when|into|based|via|at|per"
    r"|is|are|if|while|without|within|where)\b",
    re.IGNORECASE,
)
_ENGLISH = re.compile(r"\b(?:the|and|with|for|should|page|website)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“”]([^\"“”]{1,80})[\"“”]|(?<!\w)['‘]([^'’]{1,80})['’](?!\w)")

_EXPECTED: dict[Proof, str] = {
    "add": "What was added appears on the page.",
    "complete": "It is shown as done.",
    "edit": "The page shows what was changed.",
    "delete": "It is gone from the page, the others stay.",
    "filter": "Only what fits stays shown, or the order changes.",
    "search": "Only what matches is shown; a word that matches nothing shows none.",
    "persist": "After a reload it is still there.",
    "navigate": "What was chosen comes into view.",
    "submit": "The page confirms it, and refuses a required field left empty.",
    "shows-text": "It stands on the page under a heading, with real content.",
    "none": "The page visibly answers and shows what came of it.",
}


# -- what a text proves ----------------------------------------------------------------------------------------------


def proof_of(task: str, expected: str, kind: ItemKind) -> Proof:
    """What must be seen happening, by the words of the task, and by what is expected where those say nothing."""
    if kind == "design":
        return "colour" if _COLOUR.search(f"{task} {expected}") else "none"
    if doing := _last_doing(task):
        return doing[0]
    if _GOING.search(task):
        return "navigate"
    if kind == "data-display":
        return "shows-text"
    return "shows-text" if _SEEING.search(task) and not _last_doing(expected) else "none"


def subject_of(task: str, proof: Proof) -> str:
    """The thing the proof is about, in one or two words of the task; empty where the task names none."""
    text = _without_quotes(task)
    if proof in ("none", "colour", "persist"):
        return ""
    if proof in ("navigate", "shows-text"):
        quoted = [first or second for first, second in _QUOTED.findall(task)]
        if quoted:
            return quoted[0] if len(quoted) == 1 else ""
        return _thing_shown(text)
    doing = _last_doing(text)
    if doing is None:
        return ""
    _, start, end = doing
    after = re.sub(r"^\w*\W*(?:for|through|by|to|on)?\b", "", text[end:], flags=re.IGNORECASE)
    words = _nouns(_PHRASE_ENDS.split(after, maxsplit=1)[0]) or _nouns(_PHRASE_ENDS.split(text[:start])[-1])
    if not words and proof == "add":  # "customer management" is all of it
        words = _nouns(text[start:end])
    return words[-1] if words else ""


def _thing_shown(text: str) -> str:
    """`the latest news` in "Look for the latest news on the page.": the words after the verb, three at most."""
    verb = max((match.end() for pattern in (_SEEING, _GOING) for match in pattern.finditer(text)), default=0)
    known = r"^\w*\W+(?:to|of|for|on|through|between|the)?\b"
    phrase = _PHRASE_ENDS.split(re.sub(known, "", text[verb:], flags=re.IGNORECASE), maxsplit=1)[0]
    return " ".join(_nouns(phrase)[-3:])


def _last_doing(text: str) -> tuple[Proof, int, int] | None:
    plain = _without_quotes(text)
    found = [
        (match.end(), match.start(), proof)
        for proof, pattern in _DOING
        for match in re.finditer(pattern, plain, re.IGNORECASE)
    ]
    if not found:
        return None
    end, start, proof = max(found)
    return proof, start, end


def _nouns(phrase: str) -> list[str]:
    words = re.findall(r"[^\W\d_][\w-]*", phrase.lower().replace("'s", "").replace("’s", ""))
    return [word for word in words if len(word) > 2 and not {word, stem(word)} & _GENERIC_NOUNS and not _is_verb(word)]


def _is_verb(word: str) -> bool:
    return any(re.fullmatch(pattern, word) for _, pattern in _DOING)


def _without_quotes(text: str) -> str:
    """Words in quotes are names and samples, not what is to be done."""
    return _QUOTED.sub(lambda match: " " * len(match.group()), text)


# -- proposed items against the brief --------------------------------------------------------------------------------


def check_items(
    proposed: Sequence[ChecklistItem], brief: str
) -> tuple[tuple[ChecklistItem, ...], tuple[DroppedItem, ...]]:
    """Those worth having, proofs set right, the colours of the brief as the last item; the others with the reason."""
    colour = colour_item(brief)
    room = MOST - (colour is not None)
    kept: list[ChecklistItem] = []
    dropped: list[DroppedItem] = []
    for item in proposed:
        fitted = with_fitting_proof(item)
        reason = fault(fitted, brief, kept)
        if not reason and len(kept) == room:
            reason = f"too many: {MOST} are enough"
        if reason:
            dropped.append(DroppedItem(item.task, reason))
        else:
            kept.append(fitted)
    return (*kept, *((colour,) if colour else ())), tuple(dropped)


def fault(item: ChecklistItem, brief: str, kept: Sequence[ChecklistItem]) -> str:
    """Why the item is not worth having; empty when it is."""
    if len(item.expected.split()) < 2 or len(item.task) < 4:
        return "untestable: it does not say what should come of it"
    if is_about_colours(item):
        if not asked_colours(brief):
            return "invented: the brief asks for no colours"
        return "duplicate: the colours of the brief are an item of their own"

    if match := _OUT_OF_SIGHT.search(f"{item.task} {item.expected}"):
        return f"untestable: “{match.group()}” cannot be seen in a browser"
    if (vague := _VAGUE.search(item.expected)) and len(_content(_VAGUE.sub(" ", item.expected))) < 2:
        return f"untestable: “{vague.group()}” is a matter of opinion"
    if twin := next((other for other in kept if _same(item, other)), None):
        return f"duplicate of “{twin.task}”"
    return _invented(item, brief)


def is_about_colours(item: ChecklistItem) -> bool:
    return item.proof == "colour" or (item.kind == "design" and bool(_COLOUR.search(f"{item.task} {item.expected}")))


def with_fitting_proof(item: ChecklistItem) -> ChecklistItem:
    """A proof stays only where the words speak of it; else it becomes what the words prove."""
    words = f"{item.task} {item.expected}"
    fits = any(proof == item.proof and re.search(pattern, words, re.IGNORECASE) for proof, pattern in _DOING)
    fits |= item.proof == "navigate" and bool(_GOING.search(words))
    fits |= item.proof == "shows-text" and item.kind == "data-display" and not _last_doing(item.task)
    proof = item.proof if fits and item.kind != "design" else proof_of(item.task, item.expected, item.kind)
    stands = item.subject.strip() and _is_in(item.subject, words)
    subject = item.subject.strip() if stands and proof not in ("none", "persist") else subject_of(item.task, proof)
    return replace(item, proof=proof, subject=subject)


def _invented(item: ChecklistItem, brief: str) -> str:
    words = _without_quotes(f"{item.task} {item.subject}")
    if not _ENGLISH.search(brief):
        return ""
    for name, in_test, in_brief in _FEATURES:
        if re.search(in_test, words, re.IGNORECASE) and not re.search(f"{in_test}|{in_brief}", brief, re.IGNORECASE):
            return f"invented: nothing in the brief asks for {name}"
    known = set(_content(brief))
    strange = [word for word in _content(words) if not _known(word, known)]
    if len(strange) >= 2 and 2 * len(strange) > len(_content(words)):
        return f"invented: the brief says nothing of {', '.join(strange[:3])}"
    alien = [word for word in _content(_without_quotes(item.subject)) if not _known(word, known)]
    if alien and item.proof != "none" and len(alien) == len(_content(item.subject)):
        return f"invented: the brief says nothing of {alien[0]}"
    return ""


def _known(word: str, known: set[str]) -> bool:
    """`reporting` and `report` are one word, and so are `analytic` and `analysis`."""
    return word in known or (len(word) > 4 and any(word[:5] == other[:5] for other in known))


def _same(item: ChecklistItem, other: ChecklistItem) -> bool:
    ours, theirs = _said(item.task), _said(other.task)
    return len(ours & theirs) >= 0.75 * len(ours | theirs) and item.proof in (other.proof, "none")


def _said(text: str) -> set[str]:
    small = ("a", "an", "the", "and", "one", "of", "to", "in", "on", "by", "for", "with", "from")
    return {stem(word) for word in re.findall(r"\w+", text.lower()) if word not in small}


def _is_in(subject: str, words: str) -> bool:
    return set(map(stem, re.findall(r"\w+", subject.lower()))) <= set(map(stem, re.findall(r"\w+", words.lower())))


def _content(text: str) -> list[str]:
    """Stems of the words that are neither grammar nor common to every site, each once."""
    words = re.findall(r"[^\W\d_]{3,}", text.lower())
    kept = (stem(word) for word in words if word not in _PLAIN_WORDS and stem(word) not in _PLAIN_WORDS)
    return list(dict.fromkeys(kept))


def stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ings", ""), ("ing", ""), ("ed", ""), ("es", "e")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word[: -len(ending)]
            return (root[:-1] if ending in ("ing", "ed") and root[-1] == root[-2] else root) + instead
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


_GENERIC_STEMS = frozenset(map(stem, _GENERIC_NOUNS))


# -- items by rule ---------------------------------------------------------------------------------------------------


def colour_item(brief: str) -> ChecklistItem | None:
    """The colours that the brief asks for, as one item."""
    asked = asked_colours(brief)
    if not asked:
        return None
    said = {"background": "the background is {}", "components": "buttons, cards and headers are {}"}

    expected = " and ".join(said[colour.role].format(colour.name) for colour in asked)

    return ChecklistItem(
        task="Look at the colours of the page.",
        expected=f"{expected[0].upper()}{expected[1:]}.",
        kind="design",
        proof="colour",
        subject=", ".join(dict.fromkeys(colour.name for colour in asked)),
    )


def rules_items(brief: str) -> tuple[ChecklistItem, ...]:
    """Four to eight items from the brief's own clauses: what is done first, then what is shown, colours last."""
    colour = colour_item(brief)
    room = MOST - (colour is not None)
    found = [_item(clause) for clause in _clauses(brief) if not _UNSEEN.search(clause)]
    unique: list[ChecklistItem] = []
    for item in found:
        if not _says_again(item, unique) and not _says_nothing(item):
            unique.append(item)
    ranked = sorted(unique, key=lambda item: item.kind != "functional")
    chosen = [item for item in unique if item in ranked[:room]]
    for spare in _spare_items(brief):
        if len(chosen) < FEWEST - (colour is not None):
            chosen.append(spare)
    return (*chosen, *((colour,) if colour else ()))


def _says_nothing(item: ChecklistItem) -> bool:
    """Nothing is named that could be looked for: "perform corresponding operations", "by category"."""
    if item.proof == "shows-text":
        return not item.subject or item.task.startswith("Look for by ")
    return item.proof == "none" and not _nouns(_VERB.sub("", item.task, count=1))


def _says_again(item: ChecklistItem, others: Sequence[ChecklistItem]) -> bool:
    words = {word for word in _content(item.task) if word not in _GENERIC_STEMS}
    for other in others:
        known = set(_content(other.task))
        same_proof = item.proof == other.proof and (item.subject == other.subject or not item.subject)
        if speaks_of_order(item.task) != speaks_of_order(other.task):
            continue
        if (same_proof and item.proof != "none") or (words <= known and item.proof in (other.proof, "none")):
            return True
    return False


def _item(clause: str) -> ChecklistItem:
    """Something to do where the clause begins with a verb or speaks of one that can be proven, else something seen."""
    seen = _SEEN_FIRST.sub("", clause)
    doing = _last_doing(seen) or _last_doing(clause)  # "browse different types of cars" is more than seeing them
    begins_so = _VERB.match(seen) or re.match(r"\w{2,}ing\b(?!$| (?:pages?|sections?|records?)\b)", seen)
    if not doing and (seen != clause or not begins_so):
        return _item_seen(seen)
    proof: Proof = doing[0] if doing else "none"
    said = seen if _last_doing(seen) or not doing else clause
    is_order = _VERB.match(said) or re.match(r"(?:browse|view|explore|see)\b", said)
    task = f"{said[0].upper()}{said[1:]}." if is_order else f"Try {said}."
    return ChecklistItem(task, _EXPECTED[proof], "functional", proof, subject_of(said, proof))


def _item_seen(seen: str) -> ChecklistItem:
    # "data visualization capabilities to clearly display complex policies": what comes after is what it is for.
    subject = " ".join((_nouns(_PURPOSE.split(seen, maxsplit=1)[0]) or _nouns(seen))[:4])
    return ChecklistItem(
        f"Look for {seen} on the page.", _EXPECTED["shows-text"], "data-display", "shows-text", subject
    )


_UNSEEN = re.compile(
    r"\bprivacy\b|\bsecur(?:e|ity)\b|\bprotect|\bperforman|\bscalab|\bstability\b|\bensur", re.IGNORECASE
)
"""What a brief promises and no page can show."""
_PURPOSE = re.compile(r"\b(?:to|for|so that|in order to)\b", re.IGNORECASE)
_VERB = re.compile(
    r"(?:add|create|insert|upload|post|mark|complete|edit|modify|update|rename|change|delete|remove|filter|sort|search"
    r"|look up|query|reload|submit|send|fill|sign|register|log|book|reserve|make|choose|select|generate|start|play|spin"
    r"|win|vote|track|compare|manage|check|input|enter|contact|undo|join|record|schedule|collect|summari[sz]e|analy[sz]e"
    r"|perform|click|press|play|move|draw|follow|rate|comment|share|export|download|print|calculate|export|buy|purchase"
    r"|order|apply|assign|attempt|customi[sz]e|configure|switch|revive|merge|invite|reply|cast|communicate|share|contribute|participate|subscribe|donate|receive|conduct|deposit|deal|chat|message|ask|answer|translate|lease|rent|renew|transfer)\b",
    re.IGNORECASE,
)
_SEEN_FIRST = re.compile(
    r"^(?:(?:be able to|easily|support|browse|view|see|read|learn about|learn|browsing|viewing|access"
    r"|provide|includ(?:e|ing)|have|has"
    r"|display(?:ing)?|show(?:ing|casing|case)?|present(?:ing)?|introduc(?:e|ing)|a|an|the|their own|their)\s+)+",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r".*\b(?:should (?:also )?(?:be able to|have|provide|include|support|display|allow|contain|offer)"
    r"|(?:users?|visitors?|people|customers?|players?) (?:can|may|must be able to|are able to)"
    r"|functionalit(?:y|ies) (?:for|such as|like|of|including)|features? (?:for|such as|like|including)"
    r"|allow(?:s|ing)? \w+ to|including|such as|featuring"
    r"|so that (?:users|visitors|people) can)\b:?\s*"
    r"(?:the (?:functionality|ability) (?:to|of|for)\s+)?(?:functionalit(?:y|ies) (?:for|such as|like)\s+)?",
    re.IGNORECASE,
)
_COLOURS_ONLY = re.compile(
    r"^(?:use|set|apply|style|paint|colou?r)\b(?=.*\b(?:buttons?|components?|backgrounds?|cards?)\b)", re.IGNORECASE
)
_NO_TOPIC = _PLAIN_WORDS | set(
    re.findall(r"\w+", "implement build develop please application app should able and also")
)
_OPENING = re.compile(
    r"^(?:please |kindly )?(?:implement|create|build|make|design|develop|write|i want|we need)\b", re.IGNORECASE
)


def _clauses(brief: str) -> Iterator[str]:
    """What the brief lists, one thing at a time, in its own words; `it` and bare verbs get back what they are about."""
    topic = _topic(brief)
    for sentence in re.split(r"(?<=[.!?。！？])\s*|\n+", re.sub(r"\s*\([^()]*\)", "", brief)):
        sentence = sentence.strip().rstrip(".!?。！？ ")
        if not sentence or asked_colours(sentence) or _COLOURS_ONLY.match(sentence):
            continue
        asked = _ASKS.match(sentence)
        if not asked and _OPENING.match(sentence):
            continue
        listed = sentence[asked.end() :] if asked else re.sub(r"^(?:an?|the)\s+", "", sentence, flags=re.IGNORECASE)
        yield from _with_objects(_listed(listed), topic)


_LEAD = re.compile(
    r"^(?:(?:also|then|to|for|(?:be )?able to|(?:the )?(?:web)?(?:site|page|app|application|system|platform)"
    r" (?:will|should|can)(?: also)?(?: automatically)?)\s+)+",
    re.IGNORECASE,
)


def _listed(text: str) -> list[str]:
    text = re.sub(r",?\s+(?:as (?:needed|required|necessary|desired)|accordingly|when needed)\b", "", text)
    parts = re.split(r"\s*[,;、，]\s*(?:and |or |as well as )?|\s+(?:and|as well as)\s+(?:then\s+)?", text)
    cleaned = (_LEAD.sub("", part.strip()) for part in parts)
    return [part for part in cleaned if part and not re.fullmatch(r"(?:etc|more|so on|others?)\.?|and", part)]


def _topic(brief: str) -> str:
    """What the brief speaks of most often: `policies`; empty where nothing is named twice."""
    nouns = [noun for noun in _nouns(brief) if not noun.endswith("ing") and not {noun, stem(noun)} & _NO_TOPIC]
    counts = Counter(stem(noun) for noun in nouns)
    most = max(counts, key=lambda one: counts[one], default="")
    named = [noun for noun in nouns if stem(noun) == most]
    return max(named, key=len) if len(named) > 1 else ""


def _with_objects(parts: Sequence[str], topic: str) -> Iterator[str]:
    """`topic` is what a bare "filter" is about where the sentence itself does not say; in "adding barbers, services"
    the second is added too."""
    thing = verb = ""
    for i, part in enumerate(parts):
        part = re.sub(r"^(?!\w*(?:repl|appl|suppl)y\b)\w+ly\s+(?=\w)", "", part)
        if (
            verb
            and re.fullmatch(rf"(?:\S+ ){{0,{_CARRIED_WORDS - 1}}}\w+s", part)
            and not _begins(part)
            and not _last_doing(part)
        ):
            part = f"{verb} {part}"
        verb = part.split()[0] if len(part.split()) > 1 and _is_carried(part) else ""
        bare = re.fullmatch(_VERB, part) or re.fullmatch(r"\w+ing", part) or _SEEN_FIRST.fullmatch(f"{part} ")
        if bare:
            later = next((other for other in parts[i + 1 :] if len(other.split()) > 1 and _begins(other)), "")
            known = topic and _last_doing(part)
            following = later.split(maxsplit=1)[1] if later else thing or (f"the {topic}" if known else "")
            following = re.sub(r"^(?:to|on|in|with|for|from)\s+", "", following)
            said_twice = stem(part) in map(stem, following.split())
            part = f"{part} something new" if said_twice else f"{part} {following}".strip()
        elif thing:
            part = re.sub(r"\b(?:it|them|these|those)\b", thing, part, count=1)
        if named := subject_of(part, (_last_doing(part) or ("none",))[0]):
            thing = f"the {named}"
        if 2 < len(part) <= 160 and not _SEEN_FIRST.fullmatch(f"{part} "):
            yield part


_CARRIED_WORDS = 3


def _is_carried(part: str) -> bool:
    """Begins with what is done to things of any kind."""
    return re.match(r"(?:add|creat|upload|post)(?:e|es|ing)?\b", part) is not None


def _begins(part: str) -> bool:
    return bool(_VERB.match(part) or _SEEN_FIRST.match(part) or re.match(r"\w{2,}ing\b", part))


def _spare_items(brief: str) -> tuple[ChecklistItem, ...]:
    """What holds of any site, for briefs too short to say more."""
    topic = re.split(r"(?<=[.!?。！？])\s*|\n+", brief.strip())[0]
    topic = topic if len(topic) <= 120 else f"{topic[:119]}…"
    return (
        ChecklistItem("Open the page and read it.", f"Its heading and texts are about this: {topic}", "data-display"),
        ChecklistItem("Press each button and follow each link.", "Each one visibly does something.", "functional"),
        ChecklistItem("Use the navigation.", "Each entry leads to its section or page.", "functional", "navigate"),
        ChecklistItem(
            "Look at the page on a phone.", "Nothing sticks out to the side and all text can be read.", "design"
        ),
    )
