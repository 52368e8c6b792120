"""The captioned data set that the default model is trained on: emoji as sprites, drawn backdrops, composed scenes."""
