"""Series: many subjects in one style, and how alike their palettes are."""
