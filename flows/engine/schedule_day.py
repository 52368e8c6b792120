"""The day that a run was scheduled for."""

from datetime import UTC, date, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client
from prefect.runtime import deployment, flow_run


def scheduled_day() -> date:
    """The day in the schedule's time zone, so that a night's folder is named after the day that people there call it.

    A run that is late or tried again on the next day still has the day it was scheduled for.
    """
    zone = _zone(deployment.id) if deployment.id else UTC
    return flow_run.scheduled_start_time.astimezone(zone).date()


@cache
def _zone(deployment_id: str) -> tzinfo:
    """The time zone of a deployment's schedules; UTC if it has none, or schedules in several."""
    with get_client(sync_client=True) as client:
        schedules = [each.schedule for each in client.read_deployment(deployment_id).schedules]
    zones = {getattr(schedule, "timezone", None) or "UTC" for schedule in schedules}
    return ZoneInfo(zones.pop()) if len(zones) == 1 else UTC
