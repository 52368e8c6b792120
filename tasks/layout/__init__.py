"""Layout: type, pictures and colours set into a file of a given size. A leaf that knows nothing of campaigns."""
