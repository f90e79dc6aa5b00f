"""Clinic API: a backend for a clinic's doctors and patients."""

__version__ = "0.1.0"
