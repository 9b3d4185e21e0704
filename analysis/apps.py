from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"
    verbose_name = "Analyses"

    def ready(self) -> None:
        from accounts.own_data import add_to_export
        from analysis.export import exported_analyses, exported_webhooks
        from analysis.metrics import provider_metrics
        from ultrai.metrics import database_metrics

        add_to_export(exported_analyses)
        add_to_export(exported_webhooks)
        database_metrics.append(provider_metrics)
