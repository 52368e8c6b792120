"""An archive of images: listing it, reading its files, processing them."""
