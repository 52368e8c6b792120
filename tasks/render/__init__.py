"""The stages of rendering, one verb a module, and what they read and write."""
