"""Trains a pack of trials on one device, or on one a process."""
