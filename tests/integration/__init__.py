"""Whole runs against real servers, with faults put in their way."""
