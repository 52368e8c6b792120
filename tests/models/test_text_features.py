"""Features: which rows share a padded length."""

import torch

from models.text_features import alike, pad


def test_rows_that_are_alike_are_padded_to_one_length_and_others_to_another() -> None:
    features = [torch.ones(tokens, 3) for tokens in (16, 17, 1, 200, 32, 64)]
    groups = alike(features, longest=64)
    assert groups == [[0, 2], [1, 4], [3, 5]]
    for rows in groups:
        lengths = {pad([features[i][:64]]).mask.shape[1] for i in rows}
        assert len(lengths) == 1 and pad([features[i][:64] for i in rows]).mask.shape[1] in lengths
