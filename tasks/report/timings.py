"""The plot of a run's timings: a legend of stages, and a bar for each shard or group of shards."""

from collections.abc import Sequence
from html import escape

BARS = 12  # rows of the plot; more shards than that share a row
Seconds = dict[str, float]


def timings_plot(timings: list[tuple[str, Seconds]], order: Sequence[str]) -> str:
    """A legend with the totals, and for each shard or group of shards a bar of seconds stacked by stage."""
    recorded = dict.fromkeys(stage for _, seconds in timings for stage in seconds)
    stages = [*(stage for stage in order if stage in recorded), *(stage for stage in recorded if stage not in order)]
    if not stages:
        return "<p>No timings were kept.</p>"
    totals = {stage: sum(seconds.get(stage, 0.0) for _, seconds in timings) for stage in stages}
    whole = sum(totals.values()) or 1.0
    legend = "".join(
        f'<li><svg class="key" aria-hidden="true"><rect class="c{index % 8}" width="100%" height="100%"/></svg>'
        f"<span>{escape(stage)}</span> <b>{_seconds(totals[stage])}</b> <i>{totals[stage] / whole:.0%}</i></li>"
        for index, stage in enumerate(stages)
    )
    size = -(-len(timings) // BARS)
    groups = [timings[start : start + size] for start in range(0, len(timings), size)]
    means = [{s: sum(part.get(s, 0.0) for _, part in group) / len(group) for s in stages} for group in groups]
    longest = max(sum(mean.values()) for mean in means) or 1.0
    bars = "".join(
        _bar(group[0][0] if len(group) == 1 else f"{group[0][0]}–{group[-1][0]}", mean, longest)
        for group, mean in zip(groups, means, strict=True)
    )
    note = "Seconds per shard." if size == 1 else f"Seconds per shard, each bar the mean of {size} shards."
    note += " Stages of different shards overlap in time." if len(timings) > 1 else ""
    return (
        f'<div class="timings{" few" if len(groups) < 3 else ""}">\n<ul class="legend">{legend}</ul>\n'
        f'<ol class="bars">{bars}</ol>\n<p class="note">{note}</p>\n</div>'
    )


def _bar(label: str, seconds: Seconds, longest: float) -> str:
    values = ", ".join(f"{stage} {_seconds(value)}" for stage, value in seconds.items())
    parts, left = [], 0.0
    for index, (stage, value) in enumerate(seconds.items()):
        share = 100 * value / longest
        parts.append(
            f'<rect class="c{index % 8}" x="{left:.3f}%" width="{share:.3f}%" height="100%">'
            f"<title>{escape(stage)} {_seconds(value)}</title></rect>"
        )
        left += share
    return (
        f'<li><span>{escape(label)}</span><svg role="img" aria-label="{escape(f"Shard {label}: {values}")}">'
        f"{''.join(parts)}</svg><span>{_seconds(sum(seconds.values()))}</span></li>"
    )


def _seconds(value: float) -> str:
    if value >= 5999.5:
        return f"{value / 3600:,.1f} h"
    if value >= 99.95:
        return f"{value / 60:.1f} min"
    return f"{value:.1f} s" if value >= 0.95 else f"{1000 * value:.0f} ms"
