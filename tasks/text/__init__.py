"""Text preprocessing: language, segmentation, parts of speech, stop words."""
