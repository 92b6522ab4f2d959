"""Trains a pack of trials on one device, or on one device per process."""
