"""Copies the training pictures of the embedded denoiser to a folder; `denoise.py` measures with none of them.

python -m benchmarks.denoise_pictures out/pictures
imagemill train denoiser out/pictures --clean --start none ...      # as the denoiser's card says
"""

import sys
from pathlib import Path
from shutil import copyfile

SKIMAGE = (
    "rocket.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "grass.png",
    "gravel.png",
    "brick.png",
    "text.png",
    "page.png",
    "coins.png",
    "retina.jpg",
    "microaneurysms.png",
    "moon.png",
    "clock_motion.png",
    "color.png",
)
SKLEARN = ("china.jpg", "flower.jpg")
PYDICOM = ("examples_overlay.dcm", "examples_rgb_color.dcm", "J2K_pixelrep_mismatch.dcm", "693_J2KI.dcm")  # MR, US, CT


def gather(folder: Path) -> list[Path]:
    """Copies the files as the packages ship them, under their own names."""
    import skimage
    import sklearn
    from pydicom.data import get_testdata_file

    paths = [Path(skimage.__file__).parent / "data" / name for name in SKIMAGE]
    paths += [Path(sklearn.__file__).parent / "datasets" / "images" / name for name in SKLEARN]
    paths += [Path(str(get_testdata_file(name, download=False))) for name in PYDICOM]
    folder.mkdir(parents=True, exist_ok=True)
    return [copyfile(path, folder / path.name) for path in paths]


if __name__ == "__main__":
    print(f"{len(gather(Path(sys.argv[1])))} pictures in {sys.argv[1]}")
