from django.apps import AppConfig


class UpkeepConfig(AppConfig):
    """What keeps the stored data in order: retention, and the check of its integrity."""

    name = "upkeep"
