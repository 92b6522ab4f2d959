"""The vocabulary: trial, plan, key, resources, job."""
