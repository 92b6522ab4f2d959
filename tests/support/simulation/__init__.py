"""A whole run under simulated faults: clock, disk, MLflow and cluster, all from one seed."""
