from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"

    def ready(self) -> None:
        from accounts.own_data import add_to_export
        from documents.export import exported_documents

        add_to_export(exported_documents)
