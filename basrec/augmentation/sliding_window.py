"""Sliding windows: a sequence is trained on as many short ones.

Shapes: E examples, B sequences of T packed positions, R windows, D embedding size.
"""

import torch
from torch import Tensor

from basrec.augmentation.augmenter import Augmenter, Pairs
from basrec.batches import Batch
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.model import Recommender
from basrec.packed import Packed
from basrec.prepared import Prepared
from basrec.split import Examples


class SlidingWindow(Augmenter):
    """Windows of each training sequence, and the whole one beside them where that is asked for."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        self.windows = config.augmentation.sliding_window

    def check(self) -> None:
        """Refuse windows that the input's cut would shorten."""
        super().check()
        inputs, most = self.windows.size - 1, self.config.model.max_length
        if inputs > most:
            raise InputError(
                f"augmentation.sliding_window.size = {self.windows.size} has {inputs} inputs, and "
                f"model.max_length = {most} cuts them; lower it"
            )

    def examples(self, prepared: Prepared, examples: Examples) -> Examples:
        """Give the windows of every example, oldest first, then the whole of it."""
        options = self.windows
        return windows_of(examples, options.size, options.stride, options.keep_whole)

    def pairs(
        self, model: Recommender, prepared: Prepared, batch: Batch, stream: torch.Generator
    ) -> Pairs:
        """Compare a window's last output with that of the whole sequence at the same position."""
        layout = batch.layout
        number = torch.arange(len(layout.lengths))
        places = Examples(number, layout.offsets, layout.lengths)  # of packed positions
        windows = windows_of(places, self.windows.size, self.windows.stride, False)
        windows = windows.take(_is_compared(windows, batch))
        if len(windows) == 0:
            return {}
        packed, device = Packed.of(windows.length), batch.items.device
        cut = batch.items[packed.flat(windows.start).to(device)]
        whole, short = model(batch.items, layout.lengths), model(cut, windows.length)
        last = (windows.start + windows.length - 1).to(device)
        return {"windows": (whole[last], short[packed.last.to(device)])}


def _is_compared(windows: Examples, batch: Batch) -> Tensor:
    """Say which windows (R,) are shorter than their sequence, and end where it aims."""
    is_part = windows.length < batch.layout.lengths[windows.user]
    if batch.aims is None:
        return is_part
    return is_part & torch.isin(windows.start + windows.length - 1, batch.aims.cpu())


def windows_of(examples: Examples, size: int, stride: int, keep_whole: bool) -> Examples:
    """Cut each example into windows of `size` items, the last one's target included.

    The last window ends with the example, so that the latest items are always in one; those before
    it end `stride` items earlier each, as far as whole windows go. An example that is no longer
    than a window gives itself, once.
    """
    inputs = size - 1
    spare = (examples.length - inputs).clamp(min=0)  # items before the last window
    count = torch.div(spare, stride, rounding_mode="floor") + 1
    several = count + (spare > 0) * int(keep_whole)
    rows = torch.repeat_interleave(torch.arange(len(examples)), several)
    number = torch.arange(len(rows)) - (several.cumsum(0) - several)[rows]
    is_whole = number == count[rows]  # the whole example comes last
    ahead = spare[rows] - (count[rows] - 1 - number) * stride
    length = torch.where(is_whole, examples.length[rows], examples.length[rows].clamp(max=inputs))
    start = examples.start[rows] + torch.where(is_whole, 0, ahead)
    return Examples(examples.user[rows], start, length)
