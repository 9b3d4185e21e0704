from django.apps import AppConfig


class UltraiConfig(AppConfig):
    """The project itself: its management commands and the upkeep of the queue."""

    name = "ultrai"
