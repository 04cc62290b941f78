"""Pictures of goods that shops sell and send."""

from __future__ import annotations

import random

from appliance.drawing import (
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


def bag(colours: Palette, chance: random.Random) -> str:
    """Shopping: a paper bag with handles, a price tag."""
    tag = (
        path("M0 0L70 -40H190V40H70Z", colours.accent)
        + circle(62, 0, 14, "#ffffff")
        + stroke("M100 -10H170M100 14H150", "#ffffff", 8)
    )
    return (
        backdrop(colours, 330)
        + shadow(600, 680, 230, colours)
        + path("M500 330C500 190 700 190 700 330", "none", f'stroke="{colours.deep}" stroke-width="18"')
        + path("M400 310H800L830 676H370Z", colours.main)
        + path("M400 310H470L440 676H370Z", colours.deep, faint(0.25))
        + circle(500, 346, 13, colours.deep)
        + circle(700, 346, 13, colours.deep)
        + path("M520 500Q600 590 680 500", "none", 'stroke="#ffffff" stroke-width="18" stroke-linecap="round"')
        + group(tag, "translate(720 380) rotate(38)")
    )


def parcel(colours: Palette, chance: random.Random) -> str:
    """An open shipping box; stands for goods, delivery and stock."""
    return (
        backdrop(colours, 330)
        + shadow(600, 676, 280, colours)
        + polygon([(600, 230), (860, 330), (600, 430), (340, 330)], "#a9713f")
        + polygon([(340, 330), (600, 430), (600, 690), (340, 580)], "#d9a066")
        + polygon([(860, 330), (600, 430), (600, 690), (860, 580)], "#c58a4f")
        + polygon([(340, 330), (600, 430), (540, 500), (270, 396)], "#e8b981")
        + polygon([(860, 330), (600, 430), (660, 500), (930, 396)], "#dca76c")
        + polygon([(690, 560), (800, 518), (800, 580), (690, 622)], "#ffffff", faint(0.85))
        + circle(600, 290, 66, colours.accent)
        + rect(500, 240, 90, 100, colours.main, 12)
    )


def truck(colours: Palette, chance: random.Random) -> str:
    wheel = circle(0, 0, 56, "#23252b") + circle(0, 0, 28, "#d7dae0")
    return (
        backdrop(colours, 330)
        + rect(0, 640, WIDTH, 160, colours.soft)
        + rect(0, 640, WIDTH, 12, colours.main)
        + rect(270, 270, 420, 330, "#ffffff", 14)
        + rect(270, 400, 420, 50, colours.accent)
        + path("M690 360H820C840 360 850 366 860 382L920 480V600H690Z", colours.main)
        + path("M730 400H810L860 480H730Z", hsl(0.55, 0.5, 0.86))
        + rect(270, 590, 660, 26, colours.deep, 8)
        + rect(900, 530, 30, 30, hsl(0.13, 0.95, 0.7), 6)
        + "".join(group(wheel, f"translate({x} 640)") for x in (390, 570, 810))
    )


def shirt(colours: Palette, chance: random.Random) -> str:
    """Fashion: a shirt on a hanger."""
    return (
        backdrop(colours, 330)
        + stroke(
            "M600 210C600 180 640 176 640 150C640 120 600 116 590 140M600 210L430 300M600 210L770 300", "#8a8f98", 12
        )
        + path(
            "M480 270L360 340L300 470L390 510L430 440V690H770V440L810 510L900 470L840 340L720 270"
            "C690 330 510 330 480 270Z",
            colours.main,
        )
        + path("M480 270C510 330 690 330 720 270L694 258C670 300 530 300 506 258Z", colours.deep)
        + path("M430 440V690H480V400Z", colours.deep, faint(0.2))
        + rect(640, 400, 70, 60, colours.accent, 8)
    )


def shoe(colours: Palette, chance: random.Random) -> str:
    return (
        backdrop(colours, 330)
        + shadow(600, 640, 320, colours)
        + path(
            "M290 560V400C290 370 320 360 350 372C400 392 440 392 480 350C520 330 540 350 560 376L700 470"
            "C760 500 860 500 890 540C910 570 900 590 890 600H290Z",
            colours.accent,
        )
        + path("M290 560V400C290 370 320 360 350 372C370 380 390 384 410 384L420 600H290Z", colours.main)
        + path(
            "M760 496C820 504 870 512 890 540C910 570 900 590 890 600H700C700 560 720 520 760 496Z",
            "#ffffff",
            faint(0.6),
        )
        + rect(280, 590, 630, 46, "#ffffff", 20)
        + rect(280, 622, 630, 16, colours.deep, 8)
        + "".join(stroke(f"M{540 + 46 * i} {400 + 30 * i}l-44 34", "#ffffff", 11) for i in range(4))
    )


def watch(colours: Palette, chance: random.Random) -> str:
    """Jewellery and watches."""
    marks = "".join(rect(-5, -150, 10, 26, colours.deep, 4, f'transform="rotate({30 * i})"') for i in range(12))
    return (
        backdrop(colours, 330)
        + path("M520 250L540 60H660L680 250ZM520 550L540 740H660L680 550Z", colours.deep)
        + circle(600, 400, 206, colours.warm)
        + circle(600, 400, 176, "#ffffff")
        + group(marks, "translate(600 400)")
        + stroke("M600 400L600 290", colours.deep, 14)
        + stroke("M600 400L680 440", colours.main, 10)
        + stroke("M600 420L560 520", colours.accent, 5)
        + circle(600, 400, 15, colours.accent)
        + rect(800, 380, 30, 40, colours.warm, 8)
    )


def bottle(colours: Palette, chance: random.Random) -> str:
    """Cosmetics: three vessels."""
    return (
        backdrop(colours, 330)
        + shadow(600, 676, 300, colours)
        + rect(520, 320, 170, 350, colours.main, 26)
        + rect(560, 250, 90, 80, colours.deep, 10)
        + path("M585 250V200H660V226H625V250Z", colours.deep)
        + rect(540, 430, 130, 130, "#ffffff", 10, faint(0.9))
        + circle(605, 480, 26, colours.accent)
        + rect(350, 500, 150, 170, colours.warm, 24)
        + rect(344, 470, 162, 50, "#ffffff", 12)
        + rect(730, 410, 110, 260, colours.accent, 50)
        + rect(752, 340, 66, 80, "#ffffff", 10)
        + ellipse(430, 680, 40, 10, "#ffffff", faint(0.5))
    )


def sofa(colours: Palette, chance: random.Random) -> str:
    """Furniture as goods: an armchair."""
    return (
        backdrop(colours, 330)
        + shadow(600, 690, 260, colours)
        + rect(420, 220, 360, 340, colours.main, 60)
        + rect(450, 470, 300, 130, colours.soft, 30)
        + rect(360, 400, 110, 230, colours.main, 48)
        + rect(730, 400, 110, 230, colours.main, 48)
        + rect(400, 590, 400, 50, colours.deep, 18, faint(0.6))
        + "".join(rect(x, 630, 24, 60, "#6b4a35", 6) for x in (420, 756))
        + group(rect(-70, -60, 140, 120, colours.accent, 24), "translate(600 430) rotate(8)")
    )


def phone(colours: Palette, chance: random.Random) -> str:
    """A phone with an app on its screen."""
    rows = "".join(
        circle(510, 420 + 76 * i, 24, (colours.accent, colours.main, colours.warm)[i])
        + rect(550, 404 + 76 * i, 130, 14, colours.soft, 7)
        + rect(550, 428 + 76 * i, 84, 10, colours.haze, 5)
        for i in range(3)
    )
    return (
        backdrop(colours, 330)
        + shadow(600, 720, 190, colours)
        + rect(436, 90, 328, 630, "#22242b", 52)
        + rect(452, 108, 296, 594, "#ffffff", 38)
        + rect(452, 108, 296, 220, colours.main, 38)
        + rect(452, 290, 296, 40, colours.main)
        + rect(480, 180, 150, 20, "#ffffff", 10)
        + rect(480, 216, 100, 14, "#ffffff", 7, faint(0.7))
        + rect(480, 330, 240, 40, "#ffffff", 20)
        + rows
        + rect(480, 640, 240, 44, colours.accent, 22)
        + rect(560, 122, 80, 14, "#22242b", 7)
    )
