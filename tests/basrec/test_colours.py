"""Colours of lines."""

from basrec.colours import colour_of


def test_no_two_of_forty_lines_share_a_colour() -> None:
    colours = [colour_of(place) for place in range(40)]
    assert len(set(colours)) == 40
    assert all(len(colour) == 7 and colour.startswith("#") for colour in colours)
