"""SASRec's padding, against the reference's written out."""

import torch

from tests.basrec.backbones.entries import make, vectors


def test_sasrec_pads_as_the_reference_does() -> None:
    # Independent: the additive mask of -10,000 written out, and torch's own softmax.
    model = make("sasrec")
    lengths, slots = torch.tensor([2]), 12
    padded = torch.zeros(1, slots, 8, dtype=torch.float64)
    padded[0, -2:] = vectors()[:2]
    block = model.backbone.blocks[0]
    x = model.backbone.norm(padded[0] + model.backbone.positions.weight)
    query, key, value = block.qkv(x).chunk(3, dim=1)
    allowed = torch.zeros(slots, slots)
    allowed[10, 10] = allowed[11, 10] = allowed[11, 11] = 1
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        scores = query[:, part] @ key[:, part].T / 2 + (1 - allowed.double()) * -10_000
        heads.append(scores.softmax(1) @ value[:, part])
    y = block.attention_norm(block.out(torch.cat(heads, dim=1)) + x)
    part = block.feed_forward
    inner = part.contract(torch.nn.functional.gelu(part.expand(y)))
    expected = part.norm(inner + y)
    model.backbone.blocks = model.backbone.blocks[:1]
    outputs = model.backbone.encode_padded(padded, lengths)[0]
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-10)
