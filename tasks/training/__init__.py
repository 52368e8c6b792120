"""Training of image models: reading a captioned data set, the trainers, and their figures."""
