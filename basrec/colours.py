"""Colours of lines that are told apart by them, for light and dark pages."""

from colorsys import hls_to_rgb

from matplotlib.colors import to_hex

from basrec.figures import COLOURS

PALETTE = (*COLOURS, "#39c5cf", "#d2a8ff", "#8b949e", "#f778ba")


def colour_of(place: int) -> str:
    """Give the colour of a line by its place; no two lines share one."""
    if place < len(PALETTE):
        return PALETTE[place]
    hue = (place - len(PALETTE)) * 0.618034 % 1  # steps of the golden ratio spread any number
    return str(to_hex(hls_to_rgb(hue, 0.45, 0.45)))
