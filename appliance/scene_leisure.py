"""Pictures of leisure: music, film, sport, games, festive days."""

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
    polygon,
    rect,
    shadow,
    stroke,
)


def headphones(colours: Palette, chance: random.Random) -> str:
    """Music: headphones and notes."""
    note = (
        circle(0, 0, 30, colours.accent)
        + rect(20, -130, 12, 132, colours.accent)
        + path("M26 -130C60 -120 84 -100 84 -64C70 -90 50 -96 32 -96Z", colours.accent)
    )
    return (
        backdrop(colours, 330)
        + path(
            "M390 520V420C390 290 490 210 600 210C710 210 810 290 810 420V520",
            "none",
            f'stroke="{colours.deep}" stroke-width="34" stroke-linecap="round"',
        )
        + rect(350, 430, 100, 200, colours.main, 46)
        + rect(750, 430, 100, 200, colours.main, 46)
        + rect(430, 450, 46, 160, colours.deep, 22)
        + rect(724, 450, 46, 160, colours.deep, 22)
        + group(note, "translate(560 500)")
        + group(note, "translate(270 300) scale(.6)")
        + group(note, "translate(900 330) scale(.7)")
    )


def guitar(colours: Palette, chance: random.Random) -> str:
    body = (
        path(
            "M-130 60C-170 -10 -100 -60 -90 -100C-80 -150 -40 -180 0 -180C40 -180 80 -150 90 -100"
            "C100 -60 170 -10 130 60C110 150 60 190 0 190C-60 190 -110 150 -130 60Z",
            "#c9793a",
        )
        + circle(0, -20, 54, "#4a2a18")
        + rect(-50, 90, 100, 20, "#4a2a18", 8)
        + rect(-20, -470, 40, 440, "#6b3f24")
        + rect(-34, -560, 68, 100, "#4a2a18", 14)
        + stroke("M-9 -540V96M0 -540V96M9 -540V96", "#f3e3cd", 2.5)
    )
    return backdrop(colours, 330) + group(body, "translate(540 520) rotate(38)")


def film(colours: Palette, chance: random.Random) -> str:
    """A clapper board over a film strip."""
    strip = (
        rect(250, 560, 700, 130, "#23252b", 8)
        + "".join(
            rect(274 + 48 * i, 572, 24, 18, "#ffffff", 4) + rect(274 + 48 * i, 660, 24, 18, "#ffffff", 4)
            for i in range(14)
        )
        + "".join(
            rect(270 + 168 * i, 602, 150, 46, (colours.soft, colours.warm, colours.main, colours.accent)[i], 4)
            for i in range(4)
        )
    )
    stripes = "".join(
        polygon([(390 + 120 * i, 230), (450 + 120 * i, 230), (420 + 120 * i, 290), (360 + 120 * i, 290)], "#ffffff")
        for i in range(4)
    )
    return (
        backdrop(colours, 330)
        + strip
        + rect(370, 290, 460, 250, "#2d3038", 16)
        + group(rect(360, 230, 480, 60, "#2d3038", 8) + stripes, "rotate(-8 370 290)")
        + path("M560 360L690 420L560 480Z", colours.accent)
    )


def camera(colours: Palette, chance: random.Random) -> str:
    return (
        backdrop(colours, 330)
        + shadow(600, 640, 300, colours)
        + path("M480 290L520 220H680L720 290Z", colours.deep)
        + rect(310, 280, 580, 350, colours.main, 40)
        + rect(310, 390, 580, 130, colours.deep, more=faint(0.35))
        + circle(600, 450, 146, "#ffffff")
        + circle(600, 450, 122, colours.deep)
        + circle(600, 450, 82, colours.soft)
        + circle(564, 414, 26, "#ffffff", faint(0.7))
        + rect(360, 250, 80, 36, colours.deep, 8)
        + circle(820, 340, 24, colours.accent)
    )


def football(colours: Palette, chance: random.Random) -> str:
    return _ball_on_grass(colours, 0)


def basketball(colours: Palette, chance: random.Random) -> str:
    return _ball_on_grass(colours, 1)


def tennis(colours: Palette, chance: random.Random) -> str:
    return _ball_on_grass(colours, 2)


def _ball_on_grass(colours: Palette, kind: int) -> str:
    field = (
        rect(0, 560, WIDTH, 240, hsl(0.33, 0.42, 0.52))
        + "".join(rect(240 * i, 560, 120, 240, "#ffffff", more=faint(0.08)) for i in range(5))
        + rect(0, 600, WIDTH, 8, "#ffffff", more=faint(0.7))
    )
    seams = (
        polygon([(0, -70), (66, -22), (41, 57), (-41, 57), (-66, -22)], "#23252b")
        + stroke("M0 -70V-200M66 -22L190 -62M41 57L118 162M-41 57L-118 162M-66 -22L-190 -62", "#23252b", 9),
        stroke("M-200 0H200M0 -200V200M-150 -132C-60 -60 -60 60 -150 132M150 -132C60 -60 60 60 150 132", "#5a2d12", 9),
        stroke("M-170 -105C-50 -80 -50 80 -170 105M170 -105C50 -80 50 80 170 105", "#ffffff", 14),
    )[kind]
    fill = ("#ffffff", "#e07b35", "#cfe04a")[kind]
    return (
        rect(0, 0, WIDTH, HEIGHT, colours.sky)
        + circle(600, 380, 320, colours.haze)
        + field
        + ellipse(600, 640, 190, 22, "#000000", faint(0.2))
        + group(circle(0, 0, 202, fill) + seams + circle(-70, -80, 60, "#ffffff", faint(0.18)), "translate(600 430)")
    )


def dumbbell(colours: Palette, chance: random.Random) -> str:
    """Fitness."""
    weights = "".join(
        rect(x, 400 - h / 2, 62, h, fill, 16)
        for x, h, fill in (
            (330, 300, colours.main),
            (270, 210, colours.deep),
            (808, 300, colours.main),
            (868, 210, colours.deep),
        )
    )
    return backdrop(colours, 330) + group(
        rect(250, 376, 700, 48, "#8a8f98", 12)
        + weights
        + rect(470, 366, 260, 68, "#5c626c", 18)
        + "".join(stroke(f"M{500 + 30 * i} 372l18 56", "#8a8f98", 5) for i in range(7)),
        "rotate(-14 600 400)",
    )


def bike(colours: Palette, chance: random.Random) -> str:
    wheel = (
        circle(0, 0, 140, "none", 'stroke="#23252b" stroke-width="20"')
        + "".join(stroke("M0 -130V130", "#9aa0a8", 3, f'transform="rotate({30 * i})"') for i in range(6))
        + circle(0, 0, 16, "#23252b")
    )
    return (
        backdrop(colours, 330)
        + rect(0, 660, WIDTH, 140, colours.soft)
        + group(wheel, "translate(390 520)")
        + group(wheel, "translate(810 520)")
        + stroke(
            "M390 520L520 330H730L580 520ZM520 330L580 520M730 330L810 520M500 280L530 350M730 330L716 250H780",
            colours.accent,
            20,
        )
        + rect(450, 262, 110, 24, "#23252b", 12)
        + circle(580, 520, 34, "#23252b")
        + rect(566, 514, 28, 80, "#23252b", 8)
    )


def party(colours: Palette, chance: random.Random) -> str:
    """Balloons, bunting and confetti."""
    flags = "".join(
        polygon(
            [
                (30 + 120 * i, 70 + 40 * abs(5 - i) // 5),
                (120 + 120 * i, 66 + 40 * abs(4 - i) // 5),
                (78 + 120 * i, 160),
            ],
            (colours.accent, colours.main, colours.warm)[i % 3],
        )
        for i in range(10)
    )
    confetti = "".join(
        rect(
            round(1160 * chance.random()),
            round(200 + 560 * chance.random()),
            20,
            10,
            (colours.accent, colours.main, colours.warm, colours.soft)[i % 4],
            3,
            f'transform="rotate({round(180 * chance.random())} 600 400)"',
        )
        for i in range(40)
    )
    balloons = "".join(
        stroke(f"M{x} {y + 150}C{x - 20} {y + 260} 600 {y + 260} 600 760", colours.deep, 4)
        + ellipse(x, y, 108, 136, fill)
        + polygon([(x - 16, y + 152), (x + 16, y + 152), (x, y + 130)], fill)
        + ellipse(x - 36, y - 50, 22, 34, "#ffffff", faint(0.45))
        for x, y, fill in ((440, 400, colours.main), (760, 390, colours.warm), (600, 320, colours.accent))
    )
    return rect(0, 0, WIDTH, HEIGHT, colours.sky) + circle(600, 420, 330, colours.haze) + confetti + flags + balloons


def gift(colours: Palette, chance: random.Random) -> str:
    return (
        backdrop(colours, 330)
        + shadow(600, 680, 250, colours)
        + rect(390, 400, 420, 280, colours.main, 14)
        + rect(360, 320, 480, 100, colours.main, 14)
        + rect(360, 400, 480, 20, "#000000", more=faint(0.12))
        + rect(560, 320, 80, 360, colours.accent)
        + path(
            "M600 320C520 330 420 300 450 230C480 180 570 220 600 320C630 220 720 180 750 230C780 300 680 330 600 320Z",
            "none",
            f'stroke="{colours.accent}" stroke-width="34"',
        )
    )


def rings(colours: Palette, chance: random.Random) -> str:
    """A wedding: two rings and petals."""
    petals = "".join(
        ellipse(
            round(1200 * chance.random()),
            round(800 * chance.random()),
            26,
            12,
            "#f6b8c4",
            f'opacity="0.7" transform="rotate({round(360 * chance.random())} 600 400)"',
        )
        for _ in range(26)
    )
    ring = 'stroke="#e3b04b" stroke-width="34"'
    return (
        rect(0, 0, WIDTH, HEIGHT, "#fdf1f2")
        + circle(600, 400, 320, "#f9dfe3")
        + petals
        + circle(510, 440, 150, "none", ring)
        + circle(690, 440, 150, "none", ring)
        + path("M590 560A150 150 0 0 0 650 500", "none", f'{ring} stroke-linecap="round"')
        + polygon([(510, 200), (560, 240), (510, 300), (460, 240)], "#bfe3f2")
        + polygon([(510, 200), (560, 240), (460, 240)], "#e4f5fb")
    )


def game(colours: Palette, chance: random.Random) -> str:
    return (
        backdrop(colours, 330)
        + shadow(600, 640, 300, colours)
        + path(
            "M400 270H800C900 270 960 480 940 580C926 650 850 650 810 590L760 520H440L390 590"
            "C350 650 274 650 260 580C240 480 300 270 400 270Z",
            colours.main,
        )
        + rect(390, 376, 130, 42, "#ffffff", 10)
        + rect(434, 332, 42, 130, "#ffffff", 10)
        + "".join(
            circle(x, y, 26, fill)
            for x, y, fill in (
                (760, 340, hsl(0.13, 0.9, 0.6)),
                (810, 396, "#e5484d"),
                (710, 396, hsl(0.38, 0.6, 0.5)),
                (760, 450, hsl(0.6, 0.8, 0.65)),
            )
        )
        + rect(560, 360, 30, 16, colours.deep, 8)
        + rect(612, 360, 30, 16, colours.deep, 8)
        + circle(540, 490, 40, colours.deep)
        + circle(660, 490, 40, colours.deep)
    )
