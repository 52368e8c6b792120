"""Captioned data sets, read and written."""
