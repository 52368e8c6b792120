"""What classic diffusers pipelines have no interface for, and what stands in for it until they do.

Everything here leans on how pipelines are written rather than on what they promise; the tests run each against every
family. Where diffusers has modular pipelines (0.42: SDXL, SD 3, FLUX, FLUX.2, Z-Image, Qwen-Image), their blocks would
tell the features' names and their guiders take guidance. But with equal settings only Qwen-Image's made the pipeline's
bytes (the others are off by 1e-6, SDXL, to 0.03, Z-Image, of 1), guiders know one scale for a batch too, and the other
families have no blocks.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn


def returned_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names in a function's last `return`, empty for what is no plain name: read from its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    last = max(returns, key=lambda node: node.lineno).value
    items = last.elts if isinstance(last, ast.Tuple) else [last]
    return tuple(item.id if isinstance(item, ast.Name) else "" for item in items)


def marks_cache_context(function: Callable[..., Any]) -> bool:
    """Whether a pipeline's call tells caches between steps which side of guidance is computed: read from its source."""
    return "cache_context" in inspect.getsource(function)


def spare_conversion(pipe: Any) -> None:
    """Spares a pipeline the look for embeddings of several tokens (textual inversion), where its tokenizers know none.

    It goes over every text once more, token by token in Python, which costs as much as all else of encoding a text.
    """
    known = [getattr(part, "added_tokens_encoder", {}) for part in pipe.components.values()]
    if hasattr(pipe, "maybe_convert_prompt") and not any(name.endswith("_1") for names in known for name in names):
        pipe.maybe_convert_prompt = lambda prompt, tokenizer: prompt


class RowGuidance(float):
    """A guidance scale for each row of a batch where a pipeline expects one number: `scale * (text - other)`.

    Comparisons see the largest of them. Products are rounded once, as with a plain number.
    """

    rows: Tensor

    def __new__(cls, rows: Sequence[float]) -> Self:
        made = super().__new__(cls, max(rows))
        made.rows = torch.tensor(rows)
        return made

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Tensor) or not other.ndim:
            return float(self) * other
        rows = self.rows.to(other.device).view(-1, *[1] * (other.ndim - 1))
        return (rows * other.float()).to(other.dtype)

    __rmul__ = __mul__


@contextmanager
def guidance_by_row(network: nn.Module, scales: Sequence[float]) -> Iterator[None]:
    """Within it, a network with guidance as an input gets each row's scale, times what its pipeline passes."""
    rows = torch.tensor(scales)

    def multiply(network: nn.Module, positional: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return positional, {**named, "guidance": named["guidance"] * rows.to(named["guidance"])}

    hook = network.register_forward_pre_hook(multiply, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def mark_infinities(decoder: nn.Module) -> None:
    """Makes infinities in a decoder's output NaN, as a pipeline's clamping to [0, 1] would make them white or black."""
    decoder.register_forward_hook(lambda module, arguments, output: output.masked_fill(~output.isfinite(), torch.nan))
