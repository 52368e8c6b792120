"""The command `notify`.

imagemill notify https://hooks.slack.com/services/T000/B000/XXXX
"""

from pathlib import Path


def notify(address: str, *, file: Path = Path("deployments/notifications.yaml")) -> int:
    """Have the Prefect server tell an address of runs that fail, are late, do not end or quarantine many rows.

    Parameters
    ----------
    address
        A webhook of Slack's, any other one (https://), or an address as Apprise has them, such as
        mailto://user:password@host?to=me@host. The server keeps it as a secret.
    file
        The automations; those that are there by their names are replaced.
    """
    from flows.engine import local_server, prefect_internals
    from tasks.runfolder.errors import BadInput

    if not prefect_internals.user_has_server():
        raise BadInput("there is no Prefect server that could tell anybody; set PREFECT_API_URL to yours.")
    local_server.configure()
    local_server.wait_for_server()
    from flows.engine.notifications import install

    for name in install(address, file):
        print(f"installed  {name}")
    return 0
