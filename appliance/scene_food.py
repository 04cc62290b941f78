"""Pictures of food and drink."""

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


def meal(colours: Palette, chance: random.Random) -> str:
    """A bowl seen from above with leaves, slices and dots, cutlery beside it."""
    greens = (hsl(0.28, 0.5, 0.45), hsl(0.3, 0.45, 0.55), hsl(0.25, 0.55, 0.38))
    parts = [
        rect(0, 0, WIDTH, HEIGHT, colours.haze),
        circle(600, 416, 312, "#000000", faint(0.1)),
        circle(600, 400, 310, "#ffffff"),
    ]
    parts += [circle(600, 400, 262, colours.sky), circle(600, 400, 236, colours.soft, faint(0.4))]
    for _ in range(16):
        x, y, turn = (
            600 + 300 * (chance.random() - 0.5),
            400 + 300 * (chance.random() - 0.5),
            round(360 * chance.random()),
        )
        fill = greens[int(chance.random() * 3)]
        parts.append(
            group(
                path("M0 70C-50 20 -40 -50 0 -80C40 -50 50 20 0 70Z", fill)
                + stroke("M0 50V-50", "#ffffff", 3, faint(0.4)),
                f"translate({x:.0f} {y:.0f}) rotate({turn})",
            )
        )
    for _ in range(6):
        x, y = 600 + 270 * (chance.random() - 0.5), 400 + 270 * (chance.random() - 0.5)
        parts.append(
            circle(round(x), round(y), 44, "#e4483a")
            + circle(round(x), round(y), 32, "#f27a62")
            + circle(round(x), round(y), 9, "#ffe9c9")
        )
    for _ in range(8):
        x, y = 600 + 330 * (chance.random() - 0.5), 400 + 330 * (chance.random() - 0.5)
        parts.append(circle(round(x), round(y), 17, hsl(0.13, 0.9, 0.62)))
    parts.append(
        group(
            rect(-9, -40, 18, 300, "#9aa0a8", 9)
            + "".join(rect(-34 + 26 * i, -190, 12, 130, "#9aa0a8", 6) for i in range(3))
            + rect(-34, -80, 64, 46, "#9aa0a8", 20),
            "translate(200 420)",
        )
    )
    parts.append(
        group(
            rect(-9, -10, 18, 270, "#9aa0a8", 9) + path("M-14 0V-190C40 -160 40 -60 14 0Z", "#9aa0a8"),
            "translate(1000 420)",
        )
    )
    return "".join(parts)


def pizza(colours: Palette, chance: random.Random) -> str:
    parts = [
        rect(0, 0, WIDTH, HEIGHT, colours.haze),
        circle(600, 418, 322, "#000000", faint(0.12)),
        circle(600, 400, 318, "#c98b4a"),
        circle(600, 400, 284, "#e8b04c"),
        circle(600, 400, 270, "#f6cf6b"),
    ]
    for i in range(9):
        turn = 40 * i + 12 * chance.random()
        parts.append(
            group(
                circle(0, -120 - 80 * (i % 2), 44, "#c83d2e") + circle(-10, -130 - 80 * (i % 2), 8, "#e8705c"),
                f"translate(600 400) rotate({turn:.0f})",
            )
        )
    for _ in range(10):
        turn, far = 360 * chance.random(), 60 + 180 * chance.random()
        parts.append(
            group(
                path(
                    f"M0 {-far + 26:.0f}C-22 {-far:.0f} -16 {-far - 22:.0f} 0 {-far - 34:.0f}"
                    f"C16 {-far - 22:.0f} 22 {-far:.0f} 0 {-far + 26:.0f}Z",
                    hsl(0.3, 0.5, 0.38),
                ),
                f"translate(600 400) rotate({turn:.0f})",
            )
        )
    parts += [stroke("M600 84V716M284 400H916M376 176L824 624M824 176L376 624", "#d69a3e", 5, faint(0.7))]
    return "".join(parts)


def burger(colours: Palette, chance: random.Random) -> str:
    seeds = "".join(
        ellipse(x, y, 12, 7, "#fff2d8")
        for x, y in ((500, 250), (570, 220), (640, 250), (700, 232), (540, 290), (620, 296), (690, 290))
    )
    return (
        backdrop(colours, 330)
        + shadow(600, 650, 260, colours)
        + rect(370, 560, 460, 80, "#d9944a", 36)
        + rect(350, 490, 500, 84, "#6d3b24", 40)
        + polygon([(360, 480), (840, 480), (740, 530), (700, 486), (560, 540), (500, 486)], "#f7c548")
        + path(
            "M340 470C380 430 420 500 470 470C520 440 560 500 610 470C660 440 700 500 750 470"
            "C800 440 830 480 860 470V440H340Z",
            hsl(0.28, 0.55, 0.5),
        )
        + rect(360, 396, 480, 48, "#e4483a", 24)
        + path("M360 400C350 260 470 170 600 170C730 170 850 260 840 400Z", "#e2a35b")
        + seeds
    )


def coffee(colours: Palette, chance: random.Random) -> str:
    steam = "".join(
        stroke(
            f"M{520 + 80 * i} 270C{490 + 80 * i} 220 {550 + 80 * i} 190 {520 + 80 * i} 130",
            colours.soft,
            14,
            faint(0.8),
        )
        for i in range(3)
    )
    return (
        backdrop(colours, 330)
        + ellipse(600, 640, 320, 40, "#ffffff")
        + ellipse(600, 646, 220, 18, colours.soft, faint(0.5))
        + path("M780 380C900 350 920 540 750 530", "none", f'stroke="{colours.main}" stroke-width="40"')
        + path("M390 330H810C810 500 780 640 660 640H540C420 640 390 500 390 330Z", colours.main)
        + ellipse(600, 332, 210, 46, colours.deep)
        + ellipse(600, 338, 188, 36, "#6b4226")
        + path(
            "M600 360C560 346 540 330 566 322C584 318 596 326 600 332C604 326 616 318 634 322C660 330 640 346 600 360Z",
            "#f3e3cd",
        )
        + path(
            "M420 400C424 480 440 560 480 606",
            "none",
            'stroke="#ffffff" stroke-width="16" stroke-linecap="round" opacity="0.3"',
        )
        + steam
    )


def bread(colours: Palette, chance: random.Random) -> str:
    """A loaf with slices before it, on a board."""
    crust, crumb = (("#b9773a", "#f3d9ae"), ("#8a5630", "#d9b183"))[int(chance.random() * 2)]
    cuts = "".join(stroke(f"M{440 + 90 * i} 300q50 40 30 110", crumb, 20, faint(0.8)) for i in range(4))
    slices = "".join(
        group(
            path("M-90 110V-20C-130 -60 -110 -120 -60 -120H60C110 -120 130 -60 90 -20V110Z", crust)
            + path("M-70 92V-22C-104 -56 -90 -102 -54 -102H54C90 -102 104 -56 70 -22V92Z", crumb),
            f"translate({x} 540) rotate({turn})",
        )
        for x, turn in ((780, 8), (640, -4))
    )
    return (
        backdrop(colours, 330)
        + rect(250, 620, 700, 54, colours.main, 27)
        + ellipse(600, 624, 330, 14, "#000000", faint(0.15))
        + path("M330 620C290 520 320 300 470 280H680C830 300 880 420 860 620Z", crust)
        + path("M350 600C330 500 350 330 480 300C400 380 380 500 390 610Z", "#ffffff", faint(0.15))
        + cuts
        + slices
    )


def cake(colours: Palette, chance: random.Random) -> str:
    candles = "".join(
        rect(500 + 90 * i, 210, 20, 90, (colours.warm, colours.accent, colours.main)[i], 6)
        + path(
            f"M{510 + 90 * i} 150C{484 + 90 * i} 190 {494 + 90 * i} 206 {510 + 90 * i} 206"
            f"C{526 + 90 * i} 206 {536 + 90 * i} 190 {510 + 90 * i} 150Z",
            hsl(0.11, 0.95, 0.6),
        )
        for i in range(3)
    )
    drip = path(
        "M400 300H800V360C790 400 770 400 760 366C750 420 716 420 706 370C690 390 670 400 660 366"
        "C640 430 610 430 596 370C580 400 550 400 540 366C520 410 490 410 480 366"
        "C460 390 410 400 400 350Z",
        colours.accent,
    )
    return (
        backdrop(colours, 330)
        + candles
        + rect(400, 296, 400, 180, "#fff4e3", 20)
        + drip
        + rect(340, 460, 520, 180, "#f2d3b3", 20)
        + rect(340, 530, 520, 26, colours.warm)
        + "".join(circle(380 + 55 * i, 466, 22, "#ffffff") for i in range(9))
        + rect(280, 630, 640, 28, colours.main, 14)
        + polygon([(560, 656), (640, 656), (680, 720), (520, 720)], colours.main)
    )


def drink(colours: Palette, chance: random.Random) -> str:
    """A long drink with ice and a slice of lemon."""
    slice_ = (
        circle(0, 0, 84, hsl(0.14, 0.9, 0.6))
        + circle(0, 0, 70, "#fff6d0")
        + "".join(
            path("M0 0L-16 -60A62 62 0 0 1 16 -60Z", hsl(0.14, 0.95, 0.66), f'transform="rotate({60 * i})"')
            for i in range(6)
        )
    )
    return (
        backdrop(colours, 330)
        + shadow(600, 690, 170, colours)
        + group(rect(-10, -330, 20, 480, colours.main, 10), "translate(640 360) rotate(14)")
        + path("M450 230H750L716 680H484Z", "#ffffff", faint(0.75))
        + path("M458 330H742L714 668H486Z", colours.accent, faint(0.85))
        + "".join(
            group(rect(-42, -42, 84, 84, "#ffffff", 16, faint(0.55)), f"translate({x} {y}) rotate({turn})")
            for x, y, turn in ((540, 400, 14), (650, 430, -20), (570, 520, 40))
        )
        + group(slice_, "translate(450 250)")
        + path("M486 260L506 640", "none", 'stroke="#ffffff" stroke-width="14" stroke-linecap="round" opacity="0.6"')
    )


def fruit(colours: Palette, chance: random.Random) -> str:
    """A basket of groceries."""
    return (
        backdrop(colours, 330)
        + shadow(600, 680, 260, colours)
        + circle(480, 380, 92, "#e4483a")
        + stroke("M480 300C484 270 500 256 520 250", "#6b4a35", 10)
        + circle(640, 350, 100, hsl(0.09, 0.95, 0.58))
        + path("M720 440C720 330 760 260 830 250C870 330 850 420 790 470Z", hsl(0.14, 0.9, 0.6))
        + group(
            path("M0 0C-46 -70 -40 -150 0 -190C40 -150 46 -70 0 0Z", hsl(0.3, 0.5, 0.4)),
            "translate(400 420) rotate(-34)",
        )
        + group(
            path("M0 0C-46 -70 -40 -150 0 -190C40 -150 46 -70 0 0Z", hsl(0.3, 0.5, 0.5)), "translate(560 380) rotate(6)"
        )
        + circle(560, 440, 70, hsl(0.27, 0.55, 0.55))
        + "".join(circle(700 + 34 * (i % 3), 440 + 30 * (i // 3), 24, hsl(0.78, 0.4, 0.45)) for i in range(6))
        + path("M330 450H870L810 680H390Z", "#c98b4a")
        + "".join(stroke(f"M{370 + 60 * i} 452L{410 + 48 * i} 676", "#a86b32", 8) for i in range(8))
        + rect(320, 440, 560, 40, "#a86b32", 16)
    )
