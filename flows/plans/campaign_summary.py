"""Totals of a campaign."""

from typing import ClassVar

from flows.engine.summary import Summary


class CampaignSummary(Summary):
    """Totals of a campaign: its rows are ads."""

    title: ClassVar[str] = "imagemill campaign"
    failed: ClassVar[tuple[str, str]] = ("ad was quarantined", "ads were quarantined")
