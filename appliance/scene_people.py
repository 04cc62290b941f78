"""Pictures of living things: people, teams, animals, plants, and the health of all of them."""

from __future__ import annotations

import random

from appliance.drawing import (
    HEIGHT,
    WIDTH,
    Palette,
    backdrop,
    circle,
    ellipse,
    faint,
    group,
    hsl,
    path,
    rect,
    shadow,
    stroke,
)
from appliance.scene_places import potted_plant

_SKIN = ("#f6d3bd", "#eab892", "#d99e73", "#b97a50", "#8d5a3b", "#6d4330")
_HAIR = ("#2b2320", "#4a3128", "#7a4a2b", "#b5793f", "#d9b06a", "#8c8c92", "#a33b2a")


def portrait(colours: Palette, chance: random.Random) -> str:
    """Head and shoulders of one person."""
    return (
        rect(0, 0, WIDTH, HEIGHT, colours.haze)
        + circle(600, 400, 330, colours.soft)
        + _person(600, 800, 1.45, colours.main, chance)
    )


def team(colours: Palette, chance: random.Random) -> str:
    """Three people side by side."""
    return (
        backdrop(colours, 340)
        + _person(360, 810, 0.95, colours.soft, chance)
        + _person(840, 810, 0.95, colours.accent, chance)
        + _person(600, 820, 1.12, colours.main, chance)
    )


def _person(x: float, y: float, size: float, clothes: str, chance: random.Random) -> str:
    skin = _SKIN[int(chance.random() * len(_SKIN))]
    hair = _HAIR[int(chance.random() * len(_HAIR))]
    style = int(chance.random() * 4)
    behind = {
        1: path("M-104 -330C-120 -430 -70 -480 0 -480C70 -480 120 -430 104 -330L112 -190H-112Z", hair),
        2: circle(0, -486, 48, hair),
    }.get(style, "")
    fringe = {
        0: path(
            "M-96 -352C-104 -450 -50 -474 8 -472C70 -470 104 -434 96 -352C84 -396 60 -412 20 -410"
            "C-30 -408 -76 -404 -96 -352Z",
            hair,
        ),
        1: path(
            "M-92 -340C-92 -420 -50 -444 0 -444C60 -444 92 -410 92 -340C70 -380 40 -404 10 -408"
            "C-20 -390 -70 -380 -92 -340Z",
            hair,
        ),
        2: path(
            "M-96 -350C-100 -440 -50 -466 0 -466C50 -466 100 -440 96 -350C70 -420 30 -424 0 -424"
            "C-30 -424 -70 -420 -96 -350Z",
            hair,
        ),
        3: path(
            "M-98 -350C-110 -440 -60 -480 10 -474C90 -468 108 -420 96 -350C92 -372 86 -388 78 -398"
            "C30 -392 -40 -396 -74 -410C-88 -394 -94 -374 -98 -350Z",
            hair,
        ),
    }[style]
    beard = (
        path(
            "M-84 -330C-80 -240 -40 -222 0 -222C40 -222 80 -240 84 -330C70 -290 40 -286 0 -288"
            "C-40 -286 -70 -290 -84 -330Z",
            hair,
            faint(0.85),
        )
        if style == 3 and chance.random() < 0.5
        else ""
    )
    glasses = (
        '<g fill="none" stroke="#2b2b2f" stroke-width="6"><circle cx="-36" cy="-334" r="24"/>'
        '<circle cx="36" cy="-334" r="24"/>'
        '<path d="M-12 -334H12"/></g>'
        if chance.random() < 0.3
        else ""
    )
    body = (
        path("M-210 0C-210 -120 -130 -168 -60 -182H60C130 -168 210 -120 210 0Z", clothes)
        + path("M-62 -182C-40 -130 40 -130 62 -182Z", "#ffffff", faint(0.85))
        + rect(-40, -262, 80, 106, skin, 36)
        + path("M-40 -232C-16 -206 16 -206 40 -232V-210C16 -184 -16 -184 -40 -210Z", "#000000", faint(0.1))
        + circle(-92, -326, 18, skin)
        + circle(92, -326, 18, skin)
        + ellipse(0, -336, 92, 112, skin)
    )
    face = (
        circle(-36, -334, 9, "#2b2320")
        + circle(36, -334, 9, "#2b2320")
        + stroke("M-54 -362q18 -12 34 -2M20 -364q18 -10 34 2", hair, 7)
        + stroke("M-30 -280Q0 -252 30 -280", "#a3463c", 8)
        + stroke("M0 -326q8 18 -4 22", "#000000", 5, faint(0.18))
    )
    return group(behind + body + beard + fringe + face + glasses, f"translate({x:g} {y:g}) scale({size:g})")


def meeting(colours: Palette, chance: random.Random) -> str:
    """Two people with speech bubbles: talk, support, contact."""
    bubbles = (
        rect(330, 90, 260, 130, "#ffffff", 36)
        + path("M380 210L370 262L430 214Z", "#ffffff")
        + "".join(circle(400 + 60 * i, 155, 14, colours.soft) for i in range(3))
        + rect(640, 150, 230, 110, colours.accent, 34)
        + path("M800 250L826 296L760 252Z", colours.accent)
        + stroke("M680 190H830M680 222H780", "#ffffff", 10)
    )
    return (
        backdrop(colours, 340)
        + _person(410, 820, 1.0, colours.main, chance)
        + _person(800, 820, 1.0, colours.soft, chance)
        + bubbles
    )


def cat(colours: Palette, chance: random.Random) -> str:
    fur = ("#e2a35b", "#8c8c92", "#3c3a40", "#f0dcc0")[int(chance.random() * 4)]
    ears = "".join(
        path(f"M{600 + s * 60} 300L{600 + s * 180} 180L{600 + s * 196} 380Z", fur)
        + path(f"M{600 + s * 92} 296L{600 + s * 164} 222L{600 + s * 172} 340Z", "#f2b8b5")
        for s in (-1, 1)
    )
    whiskers = "".join(
        stroke(f"M{600 + s * 90} {500 + d}L{600 + s * 240} {490 + 2.2 * d}", "#ffffff", 5, faint(0.8))
        for s in (-1, 1)
        for d in (-10, 14)
    )
    eyes = "".join(
        ellipse(600 + s * 84, 430, 30, 34, "#9fce63") + ellipse(600 + s * 84, 430, 11, 30, "#1d1d22") for s in (-1, 1)
    )
    return (
        backdrop(colours, 330)
        + path("M430 800C420 640 500 600 600 600C700 600 780 640 770 800Z", fur)
        + ears
        + ellipse(600, 430, 205, 180, fur)
        + ellipse(600, 512, 84, 60, "#ffffff", faint(0.85))
        + eyes
        + path("M582 482H618L600 502Z", "#e0837d")
        + stroke("M600 502V520M600 520C590 538 564 538 556 522M600 520C610 538 636 538 644 522", "#4a3128", 5)
        + whiskers
    )


def dog(colours: Palette, chance: random.Random) -> str:
    fur, ear = (("#d9a066", "#8a5a33"), ("#f3e3cd", "#a9714b"), ("#8c6a4f", "#5a4030"))[int(chance.random() * 3)]
    return (
        backdrop(colours, 330)
        + path("M430 800C420 650 500 610 600 610C700 610 780 650 770 800Z", fur)
        + rect(470, 640, 260, 40, colours.accent, 20)
        + circle(600, 690, 26, hsl(0.12, 0.9, 0.6))
        + ellipse(600, 420, 180, 190, fur)
        + path("M440 290C370 280 330 360 350 480C360 540 420 540 440 480Z", ear)
        + path("M760 290C830 280 870 360 850 480C840 540 780 540 760 480Z", ear)
        + ellipse(600, 510, 104, 86, "#ffffff", faint(0.9))
        + "".join(circle(600 + s * 70, 400, 22, "#2b2320") + circle(606 + s * 70, 392, 7, "#ffffff") for s in (-1, 1))
        + ellipse(600, 470, 36, 26, "#2b2320")
        + stroke("M600 496V530M600 530C580 554 550 548 544 528M600 530C620 554 650 548 656 528", "#2b2320", 7)
        + path("M578 544H622V576A22 22 0 0 1 578 576Z", "#e8746c")
    )


def bird(colours: Palette, chance: random.Random) -> str:
    """A small bird on a branch; stands for wildlife."""
    return "".join(
        (
            backdrop(colours, 330),
            stroke("M180 640C420 600 760 640 1040 580", "#7a5a42", 26),
            stroke("M860 606C900 560 940 550 980 500", "#7a5a42", 14),
            *(
                ellipse(x, y, 46, 22, hsl(0.34, 0.42, 0.45), f'transform="rotate({turn} {x} {y})"')
                for x, y, turn in ((300, 590, -30), (960, 490, 40), (1010, 540, -10), (240, 660, 20))
            ),
            path("M360 560L500 470L470 560Z", colours.deep),
            path(
                "M440 500C440 360 540 300 640 300C760 300 800 380 790 450C780 560 700 620 600 620"
                "C500 620 440 580 440 500Z",
                colours.main,
            ),
            path(
                "M560 610C500 590 480 540 490 480C560 470 640 500 660 560C650 600 600 622 560 610Z",
                colours.deep,
                faint(0.5),
            ),
            ellipse(690, 520, 86, 90, colours.warm, faint(0.9)),
            path("M782 390L860 410L784 436Z", hsl(0.11, 0.95, 0.6)),
            circle(726, 378, 18, "#ffffff"),
            circle(732, 378, 10, "#1d1d22"),
            stroke("M580 616V650M640 616V646", "#a86b32", 10),
        )
    )


def plant(colours: Palette, chance: random.Random) -> str:
    return backdrop(colours, 320) + shadow(600, 706, 150, colours) + potted_plant(600, 700, colours, 1.55)


def flower(colours: Palette, chance: random.Random) -> str:
    """Three flowers on stems."""
    parts = [backdrop(colours, 320)]
    for x, y, size, fill in (
        (430, 360, 0.8, colours.warm),
        (770, 330, 0.85, colours.main),
        (600, 250, 1.15, colours.accent),
    ):
        parts.append(stroke(f"M{x} {y}C{x} {y + 200} {(x + 600) // 2} 640 600 800", hsl(0.36, 0.42, 0.4), 14))
        parts.append(
            group(
                ellipse(0, 0, 26, 70, hsl(0.36, 0.42, 0.45)), f"translate({(x + 600) // 2 + 50} {y + 290}) rotate(50)"
            )
        )
        petals = "".join(ellipse(0, -80, 42, 74, fill, f'transform="rotate({45 * i})"') for i in range(8))
        parts.append(group(petals + circle(0, 0, 46, hsl(0.12, 0.9, 0.62)), f"translate({x} {y}) scale({size})"))
    return "".join(parts)


def health(colours: Palette, chance: random.Random) -> str:
    """A heart with a pulse line, or a case with a cross."""
    if chance.random() < 0.5:
        case = (
            shadow(600, 640, 240, colours)
            + rect(380, 310, 440, 320, "#ffffff", 40)
            + rect(500, 250, 200, 90, "none", 30, f'stroke="{colours.deep}" stroke-width="26"')
            + rect(380, 310, 440, 320, colours.soft, 40, faint(0.35))
            + circle(600, 470, 110, "#ffffff")
            + rect(572, 400, 56, 140, "#e5484d", 8)
            + rect(530, 442, 140, 56, "#e5484d", 8)
        )
        return backdrop(colours, 330) + case
    heart = path(
        "M600 650C420 530 340 450 340 350C340 270 400 220 470 220C530 220 576 256 600 300"
        "C624 256 670 220 730 220C800 220 860 270 860 350C860 450 780 530 600 650Z",
        "#e5484d",
    )
    return (
        backdrop(colours, 330)
        + heart
        + path(
            "M380 350C380 300 420 260 470 256C440 290 410 330 420 400C396 390 380 370 380 350Z", "#ffffff", faint(0.3)
        )
        + stroke("M300 430H460L500 350L560 520L620 300L670 470L700 430H900", "#ffffff", 16)
    )


def yoga(colours: Palette, chance: random.Random) -> str:
    """A person in the lotus seat: wellness, calm, a spa."""
    skin = _SKIN[int(chance.random() * len(_SKIN))]
    return "".join(
        (
            backdrop(colours, 330),
            ellipse(600, 670, 330, 40, colours.soft),
            path(
                "M330 650C330 590 430 560 520 590L600 640L680 590C770 560 870 590 870 650"
                "C870 690 760 680 600 680C440 680 330 690 330 650Z",
                colours.deep,
            ),
            path("M500 400C500 350 560 330 600 330C640 330 700 350 700 400L690 610H510Z", colours.main),
            stroke("M520 390C440 450 400 520 380 610", skin, 40),
            stroke("M680 390C760 450 800 520 820 610", skin, 40),
            rect(572, 280, 56, 70, skin, 24),
            ellipse(600, 240, 62, 74, skin),
            path(
                "M536 232C530 160 570 150 600 150C630 150 670 160 664 232C650 196 620 190 600 190"
                "C580 190 550 196 536 232Z",
                "#3a2a24",
            ),
            circle(600, 140, 30, "#3a2a24"),
            *(
                ellipse(x, 640, 26, 60, hsl(0.36, 0.4, 0.5), f'transform="rotate({turn} {x} 640)"')
                for x, turn in ((260, -30), (300, 10), (900, -10), (940, 30))
            ),
        )
    )
