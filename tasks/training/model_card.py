"""The model card of a checkpoint: what it is, how it was made, how it does."""

from collections import Counter

from tasks.training.data.captioned import CaptionedDataset

_ABOUT = {
    "vae": (
        "Structured VAE",
        "Sprites are retrieved from the checkpoint's memory; backdrop, arrangement, light and shadow are generated.",
    ),
    "autoencoder": (
        "Autoencoder with a text head",
        "Everything in a picture is generated: a regression from the text to latents, then the decoder. It shows the "
        "likeliest picture, and blurs what it is unsure of.",
    ),
    "gan": (
        "Latent GAN",
        "Everything in a picture is generated, in one pass: a generator paints latents, and the autoencoder's codec "
        "decodes them. The discriminator, kept for further training, judged realism and match with the text.",
    ),
    "flow": (
        "Latent flow",
        "Everything in a picture is generated: a transformer leads noise to latents in 16 steps with guidance, and the "
        "autoencoder's codec decodes them. In the folder format of diffusers; `lora/`, if there, holds the adapters "
        "that are already merged.",
    ),
}


def model_card(
    family: str, command: str, steps: int, data: CaptionedDataset, encoder: str, figures: dict[str, float]
) -> str:
    """Markdown. `figures` are those of held-out rows; none while training goes on."""
    title, about = _ABOUT[family]
    licences = Counter(row["licence"] or "not recorded" for row in data.rows)
    lines = [
        f"# {title} after {steps} steps",
        "",
        f"Made by `{command}` on the features of the text encoder `{encoder}`. {about}",
        "",
        f"Data: {len(data.rows)} captioned pictures"
        + (f" of {len(data.concepts)} sprites" if data.concepts else "")
        + f"; licences: {', '.join(f'{name} ({count})' for name, count in licences.most_common(5))}.",
    ]
    if figures:
        lines += ["", "| on held-out rows | |", "|---|---|", *(f"| {n} | {v:.3f} |" for n, v in figures.items())]
    return "\n".join(lines) + "\n"
