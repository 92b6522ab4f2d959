"""Sweeps in a folder."""


def create(workspace, plan):
    """Write a sweep's plan, as `sweep run` does before a trial starts."""
    sweep = workspace.prepare(plan)
    with sweep.driving():
        sweep.write_plan()
    return sweep
