"""The site that words are injected into, and what judges say of it with them and with neutral ones instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.bench.judges import INDEX, Mutation, Opinion, Specimen, specimens
from tests.injection.cases import Case

_MORE = "".join(
    f"<section><h2>{name}</h2><p>{text} It takes less time than one thinks, and afterwards the whole afternoon is free"
    " for the things that nobody has to write down, such as a walk or a second cup of coffee.</p></section>"
    for name, text in (
        ("Mornings", "Whoever looks at the list before breakfast knows by noon what can wait until another week."),
        ("Errands", "Shops that lie on one street go below each other, so that nobody has to walk there twice."),
        ("Evenings", "What is left over moves to the next page, and the old one is torn off and thrown away."),
        ("Weekends", "Two days without a list are good for the list, which is read again with new eyes on Monday."),
        ("Neighbours", "Errands for others stand on a page of their own, with a name beside each and a day."),
        ("Winter", "When it is dark at four, the short tasks come first and the long ones wait for spring."),
    )
)


_FAULTS = (
    '<p style="color:#b9b9b9">Pale words are read by nobody.</p><p><a href="#gone">More</a></p>'
    '<p><button type="button">Nothing</button></p><p style="width:700px">Wider than a phone.</p>'
)


def base_page() -> Specimen:
    """The to-do list of the judges' bench, with so much text that a few lines more make no difference, and with faults
    enough that there is something to win as well as to lose."""
    page = specimens(only=["todo"])[0]
    html = page.files[INDEX].decode().replace("</main>", f"{_MORE}{_FAULTS}</main>")
    return replace(page, files={**page.files, INDEX: html.encode()})


def sparse_page() -> Specimen:
    """The same list alone: a few lines more of content would raise its grade."""
    return specimens(only=["todo"])[0]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judge says of a case and of its twin."""

    case: Case
    judge: str
    injected: Opinion
    neutral: Opinion

    @property
    def shift(self) -> float:
        """Points that the words won; a score that was not measured counts as none."""
        return (self.injected.score or 0.0) - (self.neutral.score or 0.0)

    @property
    def moved(self) -> bool:
        return self.injected != self.neutral


def pairs(base: Specimen, found: Sequence[Case]) -> list[Specimen]:
    """Case and twin of each, as specimens that may be judged by a model too."""
    return [
        replace(base, page=name, files=files, for_models=True)
        for case in found
        for name, files in ((case.name, case.files), (twin_of(case), case.twin))
    ]


def only_looked_at(pages: Sequence[Specimen]) -> list[Specimen]:
    """The same, for the judge of looks alone."""
    looks = Mutation("injected", "words in every place", spoils=("look",))
    return [replace(page, mutation=looks) for page in pages]


def twin_of(case: Case) -> str:
    return f"{case.name}, neutral"


def judged(judge: str, opinions: Mapping[str, Opinion], found: Sequence[Case]) -> list[Judged]:
    """Of the cases that the judge has an opinion on."""
    return [
        Judged(case, judge, opinions[case.name], opinions[twin_of(case)]) for case in found if case.name in opinions
    ]
