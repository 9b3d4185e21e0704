from django.contrib.admin.apps import AdminConfig


class UltraiAdminConfig(AdminConfig):
    default_site = "ultrai.admin_site.UltraiAdminSite"
