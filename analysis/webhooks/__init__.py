"""Telling other programs that an analysis has ended, as standard-webhooks says."""
