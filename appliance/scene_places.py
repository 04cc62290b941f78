"""Pictures of places: mountains, seas, cities, houses, rooms, roads, the sky."""

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
    ridge,
    shadow,
    stroke,
)


def mountain(colours: Palette, chance: random.Random) -> str:
    """Three ridges with snow, a sun, and firs in front."""
    parts = [
        rect(0, 0, WIDTH, HEIGHT, colours.sky),
        rect(0, 300, WIDTH, 500, colours.haze, more=faint(0.6)),
        circle(380 + 440 * chance.random(), 190 + 50 * chance.random(), 78, colours.accent),
    ]
    for level, fill in enumerate((colours.soft, colours.main)):
        peaks = [(-80.0, 700.0)]
        for i in range(4):
            x = 60 + 330 * i + 80 * chance.random() + 90 * level
            y = 250 + 120 * chance.random() + 130 * level
            peaks += [(x, y), (x + 160, y + 190 + 60 * chance.random())]
            if level == 0:
                parts.append(_snowcap(x, y))
        shape = ridge(peaks, fill)
        parts.insert(-4 if level == 0 else len(parts), shape)
    parts.append(path("M0 640C300 580 620 700 1200 610V800H0Z", colours.deep))
    parts += [
        _fir(60 + 110 * i + 40 * chance.random(), 690 + 50 * chance.random(), 0.8 + 0.5 * chance.random(), colours)
        for i in range(11)
    ]
    return "".join(parts)


def _snowcap(x: float, y: float) -> str:
    return polygon(
        [(x, y), (x + 44, y + 53), (x + 18, y + 44), (x - 4, y + 66), (x - 26, y + 46), (x - 34, y + 56)],
        "#ffffff",
        faint(0.9),
    )


def _fir(x: float, y: float, size: float, colours: Palette) -> str:
    needles = "".join(
        polygon([(0, -150 + 42 * i), (34 + 8 * i, -72 + 42 * i), (-34 - 8 * i, -72 + 42 * i)], colours.deep)
        for i in range(3)
    )
    return group(
        rect(-6, 0, 12, 34, colours.deep) + needles, f"translate({x:.0f} {y:.0f}) scale({size:.2f})", faint(0.92)
    )


def beach(colours: Palette, chance: random.Random) -> str:
    """Sea, sand, a sunshade and a palm."""
    sun = 760 + 200 * chance.random()
    waves = "".join(
        stroke(
            f"M{-40 + 60 * i} {430 + 34 * i}q60 -18 120 0t120 0t120 0t120 0t120 0t120 0t120 0t120 0t120 0t120 0t120 0",
            "#ffffff",
            5,
            faint(0.35),
        )
        for i in range(4)
    )
    return "".join(
        (
            rect(0, 0, WIDTH, 420, hsl(0.55, 0.6, 0.88)),
            circle(sun, 230, 84, hsl(0.11, 0.95, 0.66)),
            _cloud(300, 160, 1.0),
            _cloud(700, 110, 0.7),
            rect(0, 400, WIDTH, 220, hsl(0.53, 0.55, 0.56)),
            waves,
            polygon([(520, 398), (620, 398), (600, 424), (540, 424)], colours.deep),
            polygon([(568, 390), (568, 290), (630, 390)], "#ffffff"),
            polygon([(560, 390), (560, 310), (516, 390)], colours.accent),
            path("M0 590C300 540 700 600 1200 540V800H0Z", hsl(0.11, 0.6, 0.82)),
            path("M0 690C420 640 760 720 1200 660V800H0Z", hsl(0.11, 0.55, 0.75)),
            _parasol(800, 690, colours),
            _palm(330, 700),
        )
    )


def _cloud(x: float, y: float, size: float) -> str:
    puffs = ellipse(0, 0, 90, 34, "#ffffff") + circle(-34, -18, 36, "#ffffff") + circle(24, -28, 46, "#ffffff")
    return group(puffs, f"translate({x:.0f} {y:.0f}) scale({size:.2f})", faint(0.85))


def _parasol(x: float, y: float, colours: Palette) -> str:
    shade = path("M-150 0A150 130 0 0 1 150 0Z", colours.accent)
    stripes = path("M-60 0A60 130 0 0 1 60 0Z", "#ffffff", faint(0.85)) + path(
        "M-22 0A22 130 0 0 1 22 0Z", colours.accent
    )
    return ellipse(x + 60, y + 60, 150, 16, "#000000", faint(0.12)) + group(
        rect(-5, -4, 10, 190, "#8a6a4a", 4) + shade + stripes, f"translate({x:.0f} {y - 130:.0f}) rotate(-10)"
    )


def _palm(x: float, y: float) -> str:
    leaf = "M0 0C-60 -70 -150 -70 -190 0C-130 -30 -70 -30 0 0Z"
    leaves = "".join(
        group(path(leaf, hsl(0.38, 0.45, light)), f"rotate({turn}) scale({size})")
        for turn, size, light in ((-20, 1, 0.34), (30, 0.95, 0.4), (85, 0.9, 0.36), (140, 0.95, 0.42), (200, 1, 0.32))
    )
    return path(
        f"M{x - 12} {y}C{x + 10} {y - 150} {x - 10} {y - 260} {x + 40} {y - 380}L{x + 58} {y - 376}"
        f"C{x + 16} {y - 250} {x + 34} {y - 140} {x + 22} {y}Z",
        "#8a6a4a",
    ) + group(leaves, f"translate({x + 48} {y - 378})")


def city(colours: Palette, chance: random.Random) -> str:
    """A skyline in three depths with lit windows."""
    parts = [rect(0, 0, WIDTH, HEIGHT, colours.sky), circle(820, 260, 130, colours.warm, faint(0.9))]
    for depth, fill in enumerate((colours.haze, colours.soft, colours.main)):
        x = -30.0
        while x < WIDTH:
            width = 70 + 70 * chance.random()
            height = 380 - 60 * depth + 200 * chance.random()
            parts.append(_tower(x, 800 - height, width, height, fill, colours, chance, lit=depth == 2))
            x += width + (6 if depth == 2 else 0)
    parts.append(rect(0, 740, WIDTH, 60, colours.deep))
    return "".join(parts)


def _tower(
    x: float, y: float, width: float, height: float, fill: str, colours: Palette, chance: random.Random, *, lit: bool
) -> str:
    parts = [rect(round(x), round(y), round(width), round(height), fill)]
    if chance.random() < 0.3:
        parts.append(rect(round(x + width / 2 - 3), round(y - 50), 6, 52, fill))
    if lit:
        columns = int(width // 24)
        for row in range(int((height - 90) // 34)):
            for column in range(columns):
                if chance.random() < 0.45:
                    parts.append(rect(round(x + 12 + column * 24), round(y + 20 + row * 34), 11, 16, colours.warm, 2))
    return "".join(parts)


def forest(colours: Palette, chance: random.Random) -> str:
    """Round trees in two depths on a meadow."""
    green = 0.3 + 0.1 * chance.random()
    parts = [
        rect(0, 0, WIDTH, HEIGHT, hsl(green + 0.15, 0.4, 0.92)),
        circle(280 + 600 * chance.random(), 190, 76, hsl(0.13, 0.9, 0.7)),
    ]
    parts.append(path("M0 520C360 430 700 560 1200 470V800H0Z", hsl(green, 0.35, 0.72)))
    for i in range(14):
        parts.append(
            _tree(
                20 + 90 * i + 30 * chance.random(),
                570 + 30 * chance.random(),
                0.6,
                hsl(green, 0.33, 0.52 + 0.08 * chance.random()),
            )
        )
    parts.append(path("M0 640C360 570 800 690 1200 600V800H0Z", hsl(green, 0.4, 0.56)))
    for i in range(6):
        parts.append(
            _tree(
                90 + 210 * i + 60 * chance.random(),
                690 + 50 * chance.random(),
                1.1,
                hsl(green, 0.42, 0.32 + 0.1 * chance.random()),
            )
        )
    return "".join(parts)


def _tree(x: float, y: float, size: float, leaves: str) -> str:
    body = (
        rect(-9, -60, 18, 90, "#7a5a42", 6)
        + ellipse(0, -130, 66, 88, leaves)
        + ellipse(18, -150, 34, 50, "#ffffff", faint(0.12))
    )
    return group(body, f"translate({x:.0f} {y:.0f}) scale({size:.2f})")


def house(colours: Palette, chance: random.Random) -> str:
    """A family house with a garden."""
    lawn = hsl(0.3, 0.4, 0.6)
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, colours.sky),
            circle(930, 170, 64, hsl(0.12, 0.9, 0.7)),
            _cloud(260, 170, 1.0),
            _cloud(760, 120, 0.6),
            path("M0 590C300 540 800 560 1200 580V800H0Z", lawn),
            _tree(200, 640, 1.3, hsl(0.33, 0.4, 0.4)),
            _tree(1030, 640, 1.0, hsl(0.36, 0.4, 0.36)),
            rect(390, 390, 430, 270, "#fffdf8"),
            rect(390, 620, 430, 40, colours.haze),
            rect(720, 240, 56, 120, colours.deep),
            polygon([(340, 400), (605, 210), (870, 400)], colours.main),
            polygon([(340, 400), (605, 210), (605, 400)], colours.deep, faint(0.15)),
            rect(560, 490, 92, 170, colours.accent, 6),
            circle(636, 580, 6, "#ffffff"),
            *(_window(x, 460, colours) for x in (430, 690)),
            circle(605, 330, 32, colours.haze),
            stroke("M605 298V362M573 330H637", "#ffffff", 5),
            path("M550 660H664L740 800H470Z", hsl(0.1, 0.25, 0.85)),
            *(ellipse(x, 668, 44, 30, hsl(0.33, 0.42, 0.42)) for x in (410, 470, 720, 780, 830)),
        )
    )


def _window(x: float, y: float, colours: Palette) -> str:
    return (
        rect(x - 6, y - 6, 102, 102, colours.deep, 4)
        + rect(x, y, 90, 90, hsl(0.55, 0.55, 0.82))
        + path(f"M{x} {y + 60}L{x + 60} {y}H{x + 90}L{x} {y + 90}Z", "#ffffff", faint(0.4))
        + rect(x + 42, y, 6, 90, colours.deep)
    )


def interior(colours: Palette, chance: random.Random) -> str:
    """A living room: sofa, lamp, plant, picture."""
    return "".join(
        (
            rect(0, 0, WIDTH, 620, colours.sky),
            rect(0, 600, WIDTH, 200, hsl(0.08, 0.35, 0.72)),
            rect(0, 592, WIDTH, 14, "#ffffff"),
            rect(470, 120, 260, 190, "#ffffff", 4),
            rect(486, 136, 228, 158, colours.haze),
            path("M486 294L570 200L630 260L670 220L714 294Z", colours.main),
            circle(660, 176, 18, colours.accent),
            ellipse(600, 716, 380, 46, colours.haze),
            shadow(600, 690, 290, colours),
            rect(320, 430, 560, 150, colours.main, 40),
            rect(290, 490, 90, 170, colours.main, 34),
            rect(820, 490, 90, 170, colours.main, 34),
            rect(360, 540, 240, 90, colours.soft, 22),
            rect(602, 540, 240, 90, colours.soft, 22),
            rect(350, 625, 500, 40, colours.main, 12),
            *(rect(x, 660, 18, 34, "#6b4a35") for x in (340, 842)),
            group(rect(0, 0, 110, 90, colours.accent, 18), "translate(392 458) rotate(-8)"),
            group(rect(0, 0, 100, 84, colours.warm, 18), "translate(720 462) rotate(9)"),
            rect(992, 300, 10, 380, colours.deep, 5),
            ellipse(997, 684, 60, 12, colours.deep),
            polygon([(940, 310), (1054, 310), (1030, 210), (964, 210)], hsl(0.12, 0.85, 0.78)),
            potted_plant(190, 690, colours, 0.85),
        )
    )


def potted_plant(x: float, y: float, colours: Palette, size: float = 1.0) -> str:
    """A leafy plant in a pot, standing at (x, y); used inside rooms and as its own picture."""
    leaf = "M0 0C-46 -50 -50 -150 0 -210C50 -150 46 -50 0 0Z"
    leaves = "".join(
        group(
            path(leaf, hsl(0.37, 0.42, light)) + stroke("M0 -10V-170", "#ffffff", 3, faint(0.3)),
            f"rotate({turn}) scale({scale})",
        )
        for turn, scale, light in (
            (-62, 0.8, 0.36),
            (58, 0.82, 0.42),
            (-32, 1.0, 0.42),
            (30, 1.0, 0.34),
            (0, 1.18, 0.38),
        )
    )
    pot = polygon([(-80, -120), (80, -120), (60, 0), (-60, 0)], colours.accent) + rect(
        -90, -136, 180, 34, colours.accent, 8
    )
    return group(
        group(leaves, "translate(0 -120)") + pot + rect(-90, -110, 180, 8, "#000000", more=faint(0.1)),
        f"translate({x} {y}) scale({size})",
    )


def road(colours: Palette, chance: random.Random) -> str:
    """A car on a road before hills."""
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, colours.sky),
            circle(900, 200, 74, colours.warm),
            path("M0 520C200 400 420 420 600 500C800 420 1000 400 1200 500V800H0Z", colours.haze),
            path("M0 570C300 500 800 560 1200 540V800H0Z", colours.soft),
            rect(0, 620, WIDTH, 180, colours.deep),
            *(rect(40 + 200 * i, 704, 110, 12, "#ffffff", 6, faint(0.8)) for i in range(6)),
            car(600, 640, colours),
        )
    )


def car(x: float, y: float, colours: Palette) -> str:
    body = (
        "M-290 0C-300 -70 -270 -92 -210 -100L-120 -190C-105 -204 -90 -208 -70 -208H70"
        "C96 -208 110 -202 130 -186L220 -104C280 -96 300 -70 296 0Z"
    )
    glass = "M-176 -104L-104 -176C-98 -182 -92 -184 -82 -184H-14V-104ZM10 -184H66C80 -184 88 -180 98 -172L172 -104H10Z"
    wheel = circle(0, 0, 62, "#23252b") + circle(0, 0, 34, "#d7dae0") + circle(0, 0, 12, "#23252b")
    return group(
        ellipse(0, 62, 320, 18, "#000000", faint(0.3))
        + path(body, colours.accent)
        + path("M-290 0C-294 -30 -292 -50 -284 -64H290C298 -46 298 -24 296 0Z", "#000000", faint(0.12))
        + path(glass, hsl(0.55, 0.5, 0.86))
        + rect(-296, -58, 40, 22, hsl(0.13, 0.95, 0.75), 10)
        + rect(262, -60, 34, 22, "#d0342c", 8)
        + rect(-60, -84, 44, 10, "#000000", 5, faint(0.3))
        + group(wheel, "translate(-176 0)")
        + group(wheel, "translate(180 0)"),
        f"translate({x} {y})",
    )


def flight(colours: Palette, chance: random.Random) -> str:
    """An airliner over clouds."""
    wing = polygon([(-40, 10), (60, 10), (-60, 190), (-110, 190)], colours.main)
    far_wing = polygon([(-20, -20), (60, -20), (-40, -130), (-80, -130)], colours.soft)
    body = (
        far_wing
        + path("M-300 -40C-200 -56 120 -56 220 -40C290 -26 300 10 220 26C120 40 -180 36 -280 16Z", "#ffffff")
        + path("M-284 -40L-350 -150H-290L-210 -44Z", colours.accent)
        + path("M-280 16C-180 36 120 40 220 26C250 20 268 12 276 2H-290Z", colours.haze)
        + path("M214 -38C240 -34 256 -28 266 -18H206Z", colours.deep)
        + "".join(circle(-180 + 42 * i, -18, 9, colours.main) for i in range(9))
        + wing
    )
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, hsl(0.56, 0.55, 0.84)),
            circle(930, 190, 80, hsl(0.12, 0.95, 0.78)),
            _cloud(220, 240, 1.1),
            _cloud(980, 420, 0.8),
            stroke("M120 640C300 600 360 560 420 500", "#ffffff", 10, 'opacity="0.6" stroke-dasharray="4 26"'),
            group(body, "translate(620 390) rotate(-16)"),
            _cloud(180, 720, 2.2),
            _cloud(560, 790, 2.8),
            _cloud(1020, 730, 2.3),
        )
    )


def weather(colours: Palette, chance: random.Random) -> str:
    """Sun behind a cloud, with rain on some days."""
    rays = "".join(rect(-8, -230, 16, 60, hsl(0.12, 0.95, 0.65), 8, f'transform="rotate({45 * i})"') for i in range(8))
    rain = (
        "".join(stroke(f"M{470 + 70 * i} 590l-24 70", hsl(0.57, 0.7, 0.55), 12) for i in range(5))
        if chance.random() < 0.6
        else ""
    )
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, hsl(0.56, 0.6, 0.86)),
            _cloud(240, 220, 1.0),
            _cloud(1010, 200, 0.8),
            group(circle(0, 0, 140, hsl(0.12, 0.95, 0.65)) + rays, "translate(690 310)"),
            group(_cloud(0, 0, 3.0), "translate(570 480)"),
            rain,
            path("M0 740C400 680 800 760 1200 700V800H0Z", hsl(0.33, 0.4, 0.6)),
        )
    )


def space(colours: Palette, chance: random.Random) -> str:
    """A ringed planet and a rocket among stars."""
    stars = "".join(
        circle(
            round(1200 * chance.random()),
            round(800 * chance.random()),
            2 + round(3 * chance.random()),
            "#ffffff",
            faint(0.7),
        )
        for _ in range(60)
    )
    rocket = (
        path("M0 -190C60 -130 70 -30 54 60H-54C-70 -30 -60 -130 0 -190Z", "#ffffff")
        + path("M0 -190C34 -156 50 -112 58 -70H-58C-50 -112 -34 -156 0 -190Z", colours.accent)
        + circle(0, -20, 28, colours.main)
        + circle(0, -20, 18, hsl(0.55, 0.6, 0.85))
        + path("M-54 10L-110 90L-50 60ZM54 10L110 90L50 60Z", colours.accent)
        + path("M-34 64H34L0 170Z", hsl(0.1, 0.95, 0.6))
    )
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, hsl(0.68, 0.45, 0.16)),
            stars,
            circle(400, 480, 150, colours.main),
            path("M262 540A150 150 0 0 0 542 530C460 560 350 566 262 540Z", colours.deep, faint(0.4)),
            ellipse(
                400, 480, 250, 50, "none", f'stroke="{colours.warm}" stroke-width="16" transform="rotate(-16 400 480)"'
            ),
            path("M262 440A150 150 0 0 1 542 440C470 470 340 476 262 440Z", colours.soft),
            circle(960, 170, 50, colours.haze),
            group(rocket, "translate(760 360) rotate(32)"),
        )
    )


def map_scene(colours: Palette, chance: random.Random) -> str:
    """A street map with a route and a pin."""
    streets = "".join(stroke(f"M{-50 + 210 * i} -20L{120 + 190 * i} 820", "#ffffff", 22) for i in range(7))
    streets += "".join(stroke(f"M-20 {120 + 190 * i}L1220 {40 + 190 * i}", "#ffffff", 22) for i in range(5))
    pin = path(
        "M0 0C-80 -110 -110 -150 -110 -210A110 110 0 0 1 110 -210C110 -150 80 -110 0 0Z", colours.accent
    ) + circle(0, -206, 44, "#ffffff")
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, colours.sky),
            rect(60, 90, 300, 210, hsl(0.33, 0.4, 0.8), 20),
            rect(760, 470, 330, 250, hsl(0.33, 0.4, 0.8), 20),
            path("M0 560C260 480 420 640 620 800H0Z", hsl(0.55, 0.55, 0.8)),
            streets,
            stroke("M250 700L330 520L560 490L600 420", colours.main, 14, 'stroke-dasharray="2 28"'),
            circle(250, 700, 22, colours.main),
            ellipse(600, 424, 60, 14, "#000000", faint(0.2)),
            group(pin, "translate(600 420)"),
        )
    )


def farm(colours: Palette, chance: random.Random) -> str:
    """A barn among striped fields."""
    stripes = "".join(
        path(
            f"M{-200 + 220 * i} 800L{480 + 40 * i} 540H{500 + 40 * i}L{-90 + 220 * i} 800Z",
            hsl(0.2, 0.5, 0.5),
            faint(0.5),
        )
        for i in range(8)
    )
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, hsl(0.55, 0.5, 0.9)),
            circle(270, 200, 74, hsl(0.12, 0.95, 0.7)),
            _cloud(800, 160, 1.0),
            path("M0 560C300 500 800 560 1200 510V800H0Z", hsl(0.24, 0.45, 0.6)),
            stripes,
            shadow(640, 610, 240, colours),
            rect(450, 400, 360, 210, hsl(0.02, 0.55, 0.48)),
            polygon([(420, 410), (480, 310), (630, 250), (780, 310), (840, 410)], hsl(0.02, 0.5, 0.36)),
            rect(560, 470, 140, 140, "#ffffff"),
            stroke("M564 474L696 606M696 474L564 606", hsl(0.02, 0.55, 0.48), 10),
            rect(600, 340, 60, 50, "#ffffff"),
            rect(870, 330, 90, 280, "#d5d8dc"),
            path("M870 330A45 45 0 0 1 960 330Z", "#aeb4ba"),
        )
    )


def factory(colours: Palette, chance: random.Random) -> str:
    """Industry: a plant with chimneys, or a building site's crane by chance."""
    crane = (
        rect(880, 180, 22, 460, hsl(0.11, 0.9, 0.55))
        + rect(620, 170, 420, 18, hsl(0.11, 0.9, 0.55))
        + stroke("M891 120L640 176M891 120L1030 176M891 120V180", colours.deep, 5)
        + stroke("M680 188V300", colours.deep, 5)
        + rect(640, 300, 80, 56, colours.accent, 4)
    )
    return "".join(
        (
            backdrop(colours, 320),
            crane if chance.random() < 0.5 else "",
            path("M0 640H1200V800H0Z", colours.soft),
            *(rect(x, 300, 52, 240, colours.deep) + rect(x, 320, 52, 26, colours.accent) for x in (360, 440)),
            *(circle(x, y, r, "#ffffff", faint(0.8)) for x, y, r in ((400, 262, 34), (450, 222, 44), (390, 200, 28))),
            polygon(
                [
                    (320, 640),
                    (320, 480),
                    (450, 400),
                    (450, 480),
                    (580, 400),
                    (580, 480),
                    (710, 400),
                    (710, 480),
                    (840, 400),
                    (840, 640),
                ],
                colours.main,
            ),
            *(rect(360 + 120 * i, 540, 70, 50, colours.haze, 4) for i in range(4)),
        )
    )
