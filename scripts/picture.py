#!/usr/bin/env python3
"""Makes docs/run.svg: what a terminal shows of the commands in scripts/picture.sh, read as `tmux capture-pane -e` gives it.

usage: picture.py < captured > picture.svg
"""

import html
import re
import sys

WIDTH, HEIGHT = 8.43, 18  # of a character, pixels at 14 px
PALETTE = {
    30: "#6e7681", 31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 34: "#58a6ff", 35: "#bc8cff", 36: "#39c5cf", 37: "#c9d1d9",
    90: "#6e7681", 91: "#ffa198", 92: "#56d364", 93: "#e3b341", 94: "#79c0ff", 95: "#d2a8ff", 96: "#56d4dd", 97: "#f0f6fc",
}


def spans(line, look):
    """The line's pieces: text, and how it looks. `look` goes on from line to line."""
    for text, codes in re.findall(r"([^\x1b]+)|\x1b\[([\d;]*)m", line):
        if text:
            yield text, dict(look)
            continue
        for code in (int(c or 0) for c in codes.split(";")):
            if code == 0:
                look.clear()
            elif code in (1, 2):
                look["weight" if code == 1 else "dim"] = True
            elif code == 22:
                look.pop("weight", None)
                look.pop("dim", None)
            elif code == 39:
                look.pop("fill", None)
            elif code in PALETTE:
                look["fill"] = PALETTE[code]


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    columns = max(sum(len(text) for text, _ in spans(line, {})) for line in lines)
    width, height = int(columns * WIDTH) + 40, len(lines) * HEIGHT + 40
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">'
    )
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>')
    carried = {}
    for row, line in enumerate(lines):
        column = 0
        for text, look in spans(line, carried):
            if text.strip():
                style = f' fill="{look.get("fill", "#c9d1d9")}"'
                style += ' font-weight="bold"' if look.get("weight") else ""
                style += ' opacity="0.65"' if look.get("dim") else ""
                x, y = 20 + column * WIDTH, 20 + (row + 0.75) * HEIGHT
                print(
                    f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve" textLength="{len(text) * WIDTH:.1f}"{style}>'
                    f"{html.escape(text)}</text>"
                )
            column += len(text)
    print("</svg>")


if __name__ == "__main__":
    main()
