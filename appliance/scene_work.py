"""Pictures of work and knowledge: charts, screens, books, letters, tools, and marks for a name."""

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


def chart(colours: Palette, chance: random.Random) -> str:
    """A board with rising bars, a line over them and a ring."""
    heights = [70 + 34 * i + 60 * chance.random() for i in range(7)]
    bars = "".join(
        rect(330 + 56 * i, round(600 - h), 34, round(h), colours.main if i % 2 else colours.soft, 8)
        for i, h in enumerate(heights)
    )
    line = "M" + "L".join(f"{347 + 56 * i} {560 - h:.0f}" for i, h in enumerate(heights))
    dots = "".join(
        circle(347 + 56 * i, round(560 - h), 10, "#ffffff") + circle(347 + 56 * i, round(560 - h), 6, colours.accent)
        for i, h in enumerate(heights)
    )
    share = round(200 + 200 * chance.random())
    ring = circle(830, 320, 76, "none", f'stroke="{colours.haze}" stroke-width="36"') + circle(
        830,
        320,
        76,
        "none",
        f'stroke="{colours.accent}" stroke-width="36" stroke-dasharray="{share} 600" transform="rotate(-90 830 320)"',
    )
    rows = "".join(
        circle(760, 476 + 44 * i, 10, (colours.main, colours.accent, colours.warm)[i])
        + rect(786, 468 + 44 * i, 130 - 24 * i, 14, colours.haze, 7)
        for i in range(3)
    )
    return (
        backdrop(colours, 330)
        + rect(262, 152, 700, 520, colours.deep, 28, faint(0.12))
        + rect(250, 140, 700, 520, "#ffffff", 28)
        + rect(290, 180, 180, 22, colours.main, 11)
        + rect(290, 216, 120, 14, colours.haze, 7)
        + rect(310, 600, 410, 6, colours.haze)
        + bars
        + stroke(line, colours.accent, 8)
        + dots
        + ring
        + rows
    )


def money(colours: Palette, chance: random.Random) -> str:
    """A bank card over coins."""
    card = (
        rect(0, 0, 460, 290, colours.main, 30)
        + path("M0 200C140 120 300 260 460 140V260A30 30 0 0 1 430 290H30A30 30 0 0 1 0 260Z", colours.deep, faint(0.5))
        + rect(40, 70, 74, 56, hsl(0.12, 0.8, 0.7), 10)
        + rect(40, 180, 220, 18, "#ffffff", 9)
        + rect(40, 220, 130, 14, "#ffffff", 7, faint(0.7))
        + circle(370, 76, 32, colours.accent, faint(0.9))
        + circle(406, 76, 32, colours.warm, faint(0.8))
    )
    coins = "".join(
        ellipse(790, 620 - 30 * i, 110, 34, hsl(0.12, 0.7, 0.5))
        + ellipse(790, 612 - 30 * i, 110, 34, hsl(0.12, 0.85, 0.62))
        for i in range(5)
    )
    return (
        backdrop(colours, 330)
        + shadow(620, 676, 330, colours)
        + group(card, "translate(320 230) rotate(-9)")
        + coins
        + ellipse(790, 492, 72, 20, hsl(0.12, 0.85, 0.72))
    )


def laptop(colours: Palette, chance: random.Random) -> str:
    """A laptop with lines of code."""
    lines = ""
    for i in range(8):
        x = 400 + 34 * int(chance.random() * 4)
        for fill in (colours.accent, colours.soft, "#ffffff"):
            width = 34 + round(90 * chance.random())
            if x + width < 790:
                lines += rect(x, 266 + 34 * i, width, 13, fill, 6, faint(0.9))
            x += width + 16
    return (
        backdrop(colours, 330)
        + shadow(600, 650, 360, colours)
        + rect(340, 180, 520, 380, "#2d3038", 26)
        + rect(360, 200, 480, 340, colours.deep, 12)
        + "".join(circle(384 + 26 * i, 226, 8, fill) for i, fill in enumerate(("#e5484d", "#f2b53a", "#56b870")))
        + lines
        + path("M250 590H950L920 640H280Z", "#c9ced6")
        + rect(250, 570, 700, 26, "#e3e6eb", 10)
        + rect(530, 570, 140, 14, "#aeb4bd", 7)
    )


def network(colours: Palette, chance: random.Random) -> str:
    """Nodes and links: data, artificial intelligence, the net."""
    nodes = [(600, 400, 74)] + [
        (
            round(600 + 300 * c + 60 * (chance.random() - 0.5)),
            round(400 + 250 * s + 40 * (chance.random() - 0.5)),
            30 + round(22 * chance.random()),
        )
        for c, s in ((1, 0), (0.5, 0.87), (-0.5, 0.87), (-1, 0), (-0.5, -0.87), (0.5, -0.87))
    ]
    links = "".join(stroke(f"M600 400L{x} {y}", colours.soft, 7) for x, y, _ in nodes[1:]) + "".join(
        stroke(f"M{a[0]} {a[1]}L{b[0]} {b[1]}", colours.soft, 4, faint(0.7))
        for a, b in zip(nodes[1:], [*nodes[2:], nodes[1]], strict=True)
    )
    return (
        backdrop(colours, 350)
        + links
        + "".join(
            circle(x, y, r + 12, "#ffffff")
            + circle(x, y, r, (colours.main, colours.accent, colours.warm, colours.main)[i % 4])
            for i, (x, y, r) in enumerate(nodes)
        )
        + stroke("M568 400H632M600 368V432", "#ffffff", 12)
    )


def books(colours: Palette, chance: random.Random) -> str:
    """A stack of books with a mortar board."""
    stack = ""
    for i, fill in enumerate((colours.main, colours.accent, colours.deep, colours.warm)):
        shift = round(50 * (chance.random() - 0.5))
        y = 610 - 72 * i
        stack += (
            rect(360 + shift, y, 480, 68, fill, 12)
            + rect(400 + shift, y + 12, 440, 44, "#fff8ea", 4)
            + stroke(f"M410 {y + 26}H830M410 {y + 42}H830", "#e5d8c0", 3, f'transform="translate({shift} 0)"')
            + rect(360 + shift, y, 60, 68, fill, 12)
        )
    cap = (
        polygon([(600, 190), (820, 270), (600, 350), (380, 270)], "#2d3038")
        + path("M490 310V380C540 420 660 420 710 380V310L600 350Z", "#3d414b")
        + stroke("M600 270L780 300V390", colours.accent, 8)
        + circle(780, 400, 16, colours.accent)
    )
    return backdrop(colours, 330) + shadow(600, 690, 300, colours) + stack + group(cap, "translate(0 10)")


def writing(colours: Palette, chance: random.Random) -> str:
    """A page with lines, a picture and a pen: articles, blogs, news."""
    lines = "".join(rect(410, 430 + 40 * i, (300, 330, 280, 320, 190)[i], 14, colours.haze, 7) for i in range(5))
    pen = (
        rect(-16, -210, 32, 300, colours.accent, 8)
        + polygon([(-16, 90), (16, 90), (0, 140)], "#f3d6b0")
        + polygon([(-5, 124), (5, 124), (0, 140)], "#2b2320")
        + rect(-16, -230, 32, 44, colours.deep, 8)
    )
    return (
        backdrop(colours, 330)
        + rect(372, 132, 440, 560, colours.deep, 18, faint(0.12))
        + rect(360, 120, 440, 560, "#ffffff", 18)
        + rect(410, 170, 240, 28, colours.main, 10)
        + rect(410, 226, 340, 170, colours.soft, 10)
        + path("M410 396L510 290L590 360L650 310L750 396Z", colours.main)
        + circle(690, 270, 22, colours.warm)
        + lines
        + group(pen, "translate(850 450) rotate(32)")
    )


def letter(colours: Palette, chance: random.Random) -> str:
    """An envelope: mail, contact, newsletters."""
    return (
        backdrop(colours, 330)
        + shadow(600, 660, 280, colours)
        + rect(410, 180, 380, 340, "#ffffff", 16)
        + "".join(rect(460, 240 + 44 * i, (280, 240, 260, 180)[i], 16, colours.haze, 8) for i in range(4))
        + path("M310 360L600 560L890 360V640A24 24 0 0 1 866 664H334A24 24 0 0 1 310 640Z", colours.main)
        + path(
            "M310 650L540 500L600 545L660 500L890 650A24 24 0 0 1 866 664H334A24 24 0 0 1 310 650Z",
            colours.deep,
            faint(0.3),
        )
        + circle(880, 340, 52, colours.accent)
        + stroke("M858 340l16 18l30 -36", "#ffffff", 11)
    )


def shield(colours: Palette, chance: random.Random) -> str:
    """Security and insurance."""
    return (
        backdrop(colours, 330)
        + path("M600 150L820 220V400C820 540 730 620 600 680C470 620 380 540 380 400V220Z", colours.main)
        + path("M600 150L820 220V400C820 540 730 620 600 680Z", colours.deep, faint(0.35))
        + rect(510, 380, 180, 150, "#ffffff", 20)
        + path("M545 380V340A55 55 0 0 1 655 340V380", "none", 'stroke="#ffffff" stroke-width="26"')
        + circle(600, 446, 20, colours.accent)
        + rect(592, 450, 16, 44, colours.accent, 6)
    )


def tools(colours: Palette, chance: random.Random) -> str:
    """A gear and a wrench: repair, service, settings."""
    teeth = "".join(rect(-32, -210, 64, 90, colours.main, 12, f'transform="rotate({45 * i})"') for i in range(8))
    wrench = path(
        "M-36 -250C-90 -220 -100 -140 -50 -100V200A50 50 0 0 0 50 200V-100C100 -140 90 -220 36 -250V-170"
        "L0 -146L-36 -170Z",
        colours.accent,
    ) + circle(0, 196, 18, "#ffffff")
    return (
        backdrop(colours, 330)
        + group(teeth + circle(0, 0, 160, colours.main) + circle(0, 0, 74, colours.haze), "translate(540 420)")
        + group(wrench, "translate(740 400) rotate(36)")
    )


def office(colours: Palette, chance: random.Random) -> str:
    """A desk with a screen, a lamp and a mug."""
    return "".join(
        (
            rect(0, 0, WIDTH, HEIGHT, colours.sky),
            rect(180, 110, 240, 220, "#ffffff", 10),
            rect(196, 126, 208, 188, hsl(0.55, 0.5, 0.86)),
            path("M196 260L270 190L330 240L404 180V314H196Z", "#ffffff", faint(0.6)),
            rect(820, 150, 220, 16, colours.soft, 6),
            *(
                rect(
                    836 + 34 * i,
                    72 + 10 * (i % 3),
                    26,
                    78 - 10 * (i % 3),
                    (colours.main, colours.accent, colours.warm)[i % 3],
                    4,
                )
                for i in range(5)
            ),
            rect(430, 270, 360, 240, "#2d3038", 16),
            rect(446, 286, 328, 200, "#ffffff"),
            rect(446, 286, 328, 40, colours.main),
            rect(470, 350, 120, 110, colours.haze, 8),
            *(rect(612, 356 + 30 * i, 130 - 20 * i, 14, colours.soft, 7) for i in range(4)),
            polygon([(580, 510), (640, 510), (660, 580), (560, 580)], "#9aa0a8"),
            rect(160, 580, 880, 26, "#b98a5e", 8),
            rect(200, 606, 22, 194, "#8a6a4a"),
            rect(978, 606, 22, 194, "#8a6a4a"),
            rect(470, 562, 260, 18, "#d5d9df", 6),
            rect(850, 520, 60, 60, colours.accent, 10),
            path("M910 534C940 534 940 566 910 566", "none", f'stroke="{colours.accent}" stroke-width="10"'),
            stroke("M270 576V470L340 390", colours.deep, 10),
            polygon([(320, 360), (380, 420), (300, 440), (300, 400)], colours.deep),
            ellipse(270, 580, 50, 10, colours.deep),
        )
    )


def calendar(colours: Palette, chance: random.Random) -> str:
    marked = {int(chance.random() * 20) for _ in range(4)}
    days = "".join(
        rect(372 + 96 * (i % 5), 340 + 76 * (i // 5), 72, 54, colours.accent if i in marked else colours.haze, 12)
        for i in range(20)
    )
    return (
        backdrop(colours, 340)
        + rect(342, 172, 540, 520, colours.deep, 30, faint(0.12))
        + rect(330, 160, 540, 520, "#ffffff", 30)
        + path("M330 190A30 30 0 0 1 360 160H840A30 30 0 0 1 870 190V300H330Z", colours.main)
        + "".join(rect(x, 120, 30, 90, colours.deep, 14) for x in (440, 730))
        + rect(390, 236, 200, 26, "#ffffff", 13)
        + days
    )


def tasks(colours: Palette, chance: random.Random) -> str:
    """A clipboard with ticked lines: plans, lists, forms."""
    done = 2 + int(chance.random() * 3)
    rows = "".join(
        rect(
            420,
            290 + 84 * i,
            52,
            52,
            colours.main if i < done else "#ffffff",
            12,
            f'stroke="{colours.main}" stroke-width="6"',
        )
        + (stroke(f"M432 {316 + 84 * i}l12 14l20 -26", "#ffffff", 8) if i < done else "")
        + rect(500, 298 + 84 * i, (250, 210, 240, 170)[i], 16, colours.soft if i < done else colours.haze, 8)
        + rect(500, 324 + 84 * i, (140, 170, 120, 110)[i], 10, colours.haze, 5)
        for i in range(4)
    )
    return (
        backdrop(colours, 340)
        + rect(352, 142, 500, 580, colours.deep, 28, faint(0.12))
        + rect(350, 130, 500, 570, colours.deep, 28)
        + rect(380, 190, 440, 480, "#ffffff", 14)
        + rect(500, 100, 200, 84, colours.accent, 20)
        + circle(600, 134, 20, "#ffffff")
        + rows
    )


def lab(colours: Palette, chance: random.Random) -> str:
    """Science: a flask with bubbles."""
    return (
        backdrop(colours, 330)
        + shadow(600, 684, 220, colours)
        + path(
            "M540 150H660V330L800 620C820 660 800 684 760 684H440C400 684 380 660 400 620L540 330Z",
            "#ffffff",
            faint(0.85),
        )
        + path("M470 480H730L796 622C812 656 796 676 760 676H440C404 676 388 656 404 622Z", colours.accent, faint(0.9))
        + rect(516, 130, 168, 36, colours.deep, 16)
        + "".join(
            circle(x, y, r, "#ffffff", faint(0.7))
            for x, y, r in ((540, 560, 24), (640, 600, 32), (600, 500, 14), (700, 630, 16), (480, 630, 18))
        )
        + circle(600, 90, 16, colours.accent)
        + circle(640, 50, 10, colours.warm)
    )


def bulb(colours: Palette, chance: random.Random) -> str:
    """Ideas, start-ups, energy."""
    rays = "".join(rect(-9, -330, 18, 70, colours.accent, 9, f'transform="rotate({-90 + 36 * i})"') for i in range(6))
    return (
        backdrop(colours, 340)
        + group(rays, "translate(600 380)")
        + path(
            "M600 190C490 190 410 270 410 370C410 440 450 480 490 530C506 550 510 570 510 590H690"
            "C690 570 694 550 710 530C750 480 790 440 790 370C790 270 710 190 600 190Z",
            hsl(0.13, 0.9, 0.7),
        )
        + stroke("M560 590V440L530 400M640 590V440L670 400M530 400L570 420L600 396L630 420L670 400", colours.deep, 9)
        + rect(510, 596, 180, 36, "#8a8f98", 14)
        + rect(524, 640, 152, 34, "#6b707a", 14)
        + path("M560 680H640A40 30 0 0 1 560 680Z", "#4a4e57")
    )


def scales(colours: Palette, chance: random.Random) -> str:
    """Law and justice."""
    pan = stroke("M0 0L-90 190M0 0L90 190", colours.deep, 5) + path(
        "M-110 190H110A110 70 0 0 1 -110 190Z", colours.accent
    )
    return (
        backdrop(colours, 340)
        + shadow(600, 690, 220, colours)
        + rect(586, 190, 28, 460, colours.main, 10)
        + rect(470, 640, 260, 40, colours.main, 16)
        + stroke("M360 270L840 230", colours.main, 22)
        + circle(600, 200, 34, colours.warm)
        + group(pan, "translate(370 270)")
        + group(pan, "translate(830 232)")
    )


def palette_scene(colours: Palette, chance: random.Random) -> str:
    """Art and design: a painter's palette with a brush."""
    blobs = "".join(
        circle(x, y, 44, fill)
        for x, y, fill in (
            (430, 350, "#e5484d"),
            (520, 260, "#f2b53a"),
            (650, 250, "#56b870"),
            (750, 330, "#3f8fd9"),
            (420, 470, "#8b5cc7"),
        )
    )
    brush = (
        rect(-14, -60, 28, 360, "#b97a3f", 12)
        + rect(-20, -120, 40, 70, "#9aa0a8", 6)
        + path("M-20 -120C-30 -180 -6 -200 0 -230C6 -200 30 -180 20 -120Z", colours.accent)
    )
    return (
        backdrop(colours, 330)
        + path(
            "M600 170C780 170 890 280 880 410C872 500 790 500 720 490C660 480 630 520 660 570"
            "C690 630 660 660 600 660C430 660 320 540 320 410C320 280 430 170 600 170Z",
            "#e8c79a",
        )
        + blobs
        + circle(560, 580, 40, colours.haze)
        + group(brush, "translate(800 480) rotate(40)")
    )


def mark(colours: Palette, chance: random.Random) -> str:
    """A logo: one plain geometric sign."""
    kind = int(chance.random() * 4)
    sign = (
        circle(500, 400, 160, colours.main) + circle(700, 400, 160, colours.accent, faint(0.85)),
        polygon([(600, 200), (800, 540), (400, 540)], colours.main)
        + polygon([(600, 330), (700, 540), (500, 540)], colours.accent),
        rect(420, 220, 170, 170, colours.main, 40)
        + rect(610, 220, 170, 170, colours.accent, 85)
        + rect(420, 410, 170, 170, colours.warm, 85)
        + rect(610, 410, 170, 170, colours.main, 40),
        path("M600 190L780 295V505L600 610L420 505V295Z", colours.main)
        + path("M600 290L690 345V455L600 510L510 455V345Z", colours.accent),
    )[kind]
    return rect(0, 0, WIDTH, HEIGHT, colours.sky) + sign


def abstract(colours: Palette, chance: random.Random) -> str:
    """Overlapping soft waves and discs, for words that name nothing to draw."""
    shapes = [rect(0, 0, WIDTH, HEIGHT, colours.sky)]
    for fill in (colours.haze, colours.soft, colours.soft):
        x, top, radius = round(1200 * chance.random()), round(500 * chance.random()), round(110 + 170 * chance.random())
        shapes.append(circle(x, top, radius, fill, faint(0.5)))
    shapes.append(
        circle(
            round(350 + 500 * chance.random()),
            round(220 + 130 * chance.random()),
            round(70 + 50 * chance.random()),
            colours.accent,
        )
    )
    for i, fill in enumerate((colours.soft, colours.main, colours.deep)):
        y, bend = (
            470 + 100 * i + 40 * chance.random(),
            (80 + 90 * chance.random()) * (1 if chance.random() < 0.5 else -1),
        )
        shapes.append(
            path(f"M0 {y:.0f}C400 {y - bend:.0f} 760 {y + bend:.0f} 1200 {y - bend / 2:.0f}V800H0Z", fill, faint(0.9))
        )
    return "".join(shapes)
