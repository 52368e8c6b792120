"""Training of models: their options, data, losses and figures, and one trainer for all families."""
