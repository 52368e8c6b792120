"""Whether a model is better than the one in use by what people prefer, and which one is in use."""
