from documents.admin.documents import DocumentAdmin
from documents.admin.front_page import storage_panel

__all__ = ["DocumentAdmin", "storage_panel"]
