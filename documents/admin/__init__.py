from documents.admin.documents import DocumentAdmin

__all__ = ["DocumentAdmin"]
