"""The networks: text encoders and image generators. Torch only; no Prefect, no storage."""
