from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.jobs import mail_password_reset
from accounts.models import PersonalAccessToken, Session, User
from ultrai.admin import LargeTableAdmin, MachineWrittenAdmin
from ultrai.admin.actions import EVERYWHERE, act
from ultrai.admin.dates import DateDrillDown
from ultrai.tracing import carried


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


class OfferedPermissionsMixin(admin.ModelAdmin):
    """Offers permissions of what the admin shows: those of other models would permit nothing."""

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> forms.ModelMultipleChoiceField | None:
        if db_field.related_model is Permission:
            shown = [model for model in apps.get_models() if admin.site.is_registered(model)]
            types = ContentType.objects.get_for_models(*shown).values()
            kwargs["queryset"] = Permission.objects.filter(content_type__in=types)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(OfferedPermissionsMixin, DjangoGroupAdmin):
    pass


@admin.register(User)
class UserAdmin(OfferedPermissionsMixin, LargeTableAdmin, DjangoUserAdmin):
    actions = ["deactivate", "end_sessions", "force_password_reset"]
    change_form_template = "admin/accounts/user.html"
    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "username", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups", DateDrillDown]
    search_help_text = "An id, or the beginning of the email address."
    owner = "pk"
    readonly_fields = ["created_at", "updated_at", "last_login"]
    fieldsets = [
        (None, {"fields": ["email", "username", "password", "monthly_budget_usd"]}),
        (
            "Permissions",
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        ("Dates", {"fields": ["last_login", "created_at", "updated_at"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "username", "usable_password", "password1", "password2"]})
    ]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            obj.shut_out()  # or the sessions would come back with the account

    @admin.action(description="Deactivate and log out", permissions=["change"], location=EVERYWHERE)
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        return act(
            self,
            request,
            users,
            question="Deactivate these accounts and end all their sessions and tokens?",
            done="Deactivated and logged out:",
            perform=User.deactivate,
        )

    @admin.action(
        description="End sessions and personal access tokens",
        permissions=["change"],
        location=EVERYWHERE,
    )
    def end_sessions(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        return act(
            self,
            request,
            users,
            question="End all sessions and personal access tokens of these accounts?",
            done="Ended all sessions and tokens:",
            perform=User.shut_out,
        )

    @admin.action(
        description="Force a password reset, by mail", permissions=["change"], location=EVERYWHERE
    )
    def force_password_reset(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        def reset(user: User) -> None:
            user.disable_password()
            mail_password_reset.defer(email=user.email, **carried())

        return act(
            self,
            request,
            users,
            question="Leave these accounts no password, and mail each a way to a new one?",
            done="Forced a password reset:",
            perform=reset,
        )


@admin.register(PersonalAccessToken)
class PersonalAccessTokenAdmin(MachineWrittenAdmin):
    """Deleting a token revokes it at once."""

    list_display = ["user", "name", "hint", "scopes", "created_at", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    exclude = ["sha256"]


@admin.register(Session)
class SessionAdmin(MachineWrittenAdmin):
    """Deleting a session logs that client out at once."""

    list_display = ["user", "client", "created_at", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    exclude = ["refresh_jti"]
