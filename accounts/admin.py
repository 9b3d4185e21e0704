from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from accounts.models import Session, User
from ultrai.admin import MachineWrittenAdmin


class LowerCaseEmailField(forms.EmailField):
    def clean(self, value: str | None) -> str:
        return str(super().clean(value)).lower()


class NewUserForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("email", "username")
        field_classes = {"email": LowerCaseEmailField}


class UserForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        field_classes = {"email": LowerCaseEmailField}


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "username", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups", "created_at"]
    search_fields = ["email", "username"]
    ordering = ["-id"]
    readonly_fields = ["created_at", "updated_at", "last_login"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["email", "username", "password"]}),
        (
            "Permissions",
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        ("Dates", {"fields": ["last_login", "created_at", "updated_at"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "username", "usable_password", "password1", "password2"]})
    ]


@admin.register(Session)
class SessionAdmin(MachineWrittenAdmin):
    """Deleting a session logs that client out at once."""

    list_display = ["user", "client", "created_at", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    ordering = ["-id"]
    exclude = ["refresh_jti"]
