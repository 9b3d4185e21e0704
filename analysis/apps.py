from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"
    verbose_name = "Analyses"

    def ready(self) -> None:
        from accounts.own_data import add_to_export
        from analysis.export import exported_analyses

        add_to_export(exported_analyses)
