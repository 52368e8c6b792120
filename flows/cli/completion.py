"""The command `completion`.

imagemill completion bash > ~/.local/share/bash-completion/completions/imagemill
"""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what completes commands and options in a shell.

    Parameters
    ----------
    shell
        Save it as ~/.local/share/bash-completion/completions/imagemill for bash, as _imagemill in a folder of zsh's
        fpath, or as ~/.config/fish/completions/imagemill.fish.
    """
    from flows.cli.main import app

    print(app.generate_completion(shell=shell))
    return 0
