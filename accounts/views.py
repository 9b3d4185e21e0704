from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts import own_data
from accounts.authentication import signed_in
from accounts.jobs import mail_password_reset
from accounts.models import PersonalAccessToken, Session, User
from accounts.passwords import (
    checked_password,
    replace_password,
    require_password,
    user_of_reset_token,
)
from accounts.serializers import (
    ErasureSerializer,
    GreetingSerializer,
    LoginSerializer,
    MessageSerializer,
    NewPersonalAccessTokenSerializer,
    PasswordChangeSerializer,
    PasswordResetConfirmSerializer,
    PasswordResetSerializer,
    PersonalAccessTokenSerializer,
    ProfileSerializer,
    ReceiptSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    SessionSerializer,
    TokenPairSerializer,
    UserSerializer,
    VerificationSerializer,
)
from accounts.tokens import make_personal_access_token, refresh_session, start_session
from ultrai.api import ApiViewSet, RowsViewSet
from ultrai.exceptions import DomainError
from ultrai.patience import unhurried
from ultrai.throttling import GeneralThrottle, PasswordResetThrottle, RegisterThrottle
from ultrai.tracing import carried

# For an action that needs no login.
OPEN: dict[str, Any] = {"permission_classes": [AllowAny], "authentication_classes": []}


class InvalidCredentials(DomainError):
    status = 401
    code = "invalid_credentials"


class NotASession(DomainError):
    code = "not_a_session"


def checked(form: Serializer) -> Serializer:
    form.is_valid(raise_exception=True)
    return form


class AccountViewSet(ApiViewSet):
    """Register, log in, stay logged in, log out; one's own data."""

    fields_of = {"me": UserSerializer}

    def lock(self) -> User:
        user = signed_in(self.request)
        get_object_or_404(User.objects.select_for_update(no_key=True), pk=user.pk)
        user.refresh_from_db()
        return user

    @extend_schema(request=RegistrationSerializer, responses={201: UserSerializer}, auth=[])
    @action(["post"], detail=False, throttle_classes=[GeneralThrottle, RegisterThrottle], **OPEN)
    def register(self, request: Request) -> Response:
        user = checked(RegistrationSerializer(data=request.data)).save()
        return Response(UserSerializer(user).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=LoginSerializer, responses=TokenPairSerializer, auth=[])
    @action(["post"], detail=False, **OPEN)
    def login(self, request: Request) -> Response:
        """Start a session. Failed tries are slowed down: 429 says how long to wait."""
        form = checked(LoginSerializer(data=request.data))
        user = authenticate(
            request._request,  # noqa: SLF001  the backends want Django's request
            username=form.validated_data["email"],
            password=form.validated_data["password"],
        )
        if not isinstance(user, User):
            raise InvalidCredentials("Email or password is wrong.")
        update_last_login(None, user)  # type: ignore[arg-type]  # the signal's sender, unused
        pair = start_session(user, client=request.headers.get("User-Agent", ""))
        return Response(TokenPairSerializer(pair).data)

    @extend_schema(request=RefreshSerializer, responses=TokenPairSerializer, auth=[])
    @action(["post"], detail=False, **OPEN)
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token, once: using a spent one ends the session."""
        form = checked(RefreshSerializer(data=request.data))
        pair = refresh_session(form.validated_data["refresh_token"])
        return Response(TokenPairSerializer(pair).data)

    @extend_schema(request=None, responses={204: None})
    @action(["post"], detail=False)
    def logout(self, request: Request) -> Response:
        """End this session: its access and refresh tokens."""
        if not isinstance(request.auth, Session):
            raise NotASession("A personal access token is not a session: delete it instead.")
        request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(["post"], detail=False, url_path="logout-all")
    def logout_all(self, request: Request) -> Response:
        """End every session, on every device. Personal access tokens stay."""
        signed_in(request).sessions.all().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=UserSerializer)
    @action(["get"], detail=False)
    def me(self, request: Request) -> Response:
        answer = UserSerializer(signed_in(request), context=self.get_serializer_context())
        return Response(answer.data)

    @extend_schema(request=ProfileSerializer, responses=UserSerializer)
    @me.mapping.patch
    def update_me(self, request: Request) -> Response:
        """Change the username, or with `current_password` the email."""
        user = signed_in(request)
        checked(ProfileSerializer(user, data=request.data, partial=True)).save()
        return Response(UserSerializer(user).data)

    @extend_schema(request=ErasureSerializer, responses={200: ReceiptSerializer})
    @me.mapping.delete
    def erase_me(self, request: Request) -> Response:
        """Erase the account and all that hangs on it; the answer says what that was."""
        form = checked(ErasureSerializer(data=request.data))
        user = signed_in(request)
        require_password(user, form.validated_data["password"])
        return Response({"erased": own_data.erase(user)})

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(["get"], detail=False, url_path="me/export")
    def export(self, request: Request) -> StreamingHttpResponse:
        """A ZIP of everything: profile, documents and originals, analyses and results."""
        return StreamingHttpResponse(
            unhurried(own_data.export(signed_in(request))),
            content_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="ultrai-export.zip"'},
        )

    @extend_schema(responses=VerificationSerializer)
    @action(["get"], detail=False)
    def verify(self, request: Request) -> Response:
        """Tell whether the token still counts: 200 or 401."""
        user, token = signed_in(request), request.auth
        is_session = isinstance(token, Session)
        body = {
            "valid": True,
            "user_id": user.pk,
            "email": user.email,
            "expires_at": getattr(token, "access_expires_at" if is_session else "expires_at"),
        }
        return Response(VerificationSerializer(body).data)


class PasswordViewSet(ApiViewSet):
    """A new password, with the old one or without. It ends every session and token."""

    @extend_schema(request=PasswordChangeSerializer, responses=TokenPairSerializer)
    @action(["post"], detail=False)
    def change(self, request: Request) -> Response:
        """Set a new password; answers with the first tokens of a new session."""
        form = checked(PasswordChangeSerializer(data=request.data, context={"request": request}))
        user = signed_in(request)
        require_password(user, form.validated_data["current_password"])
        replace_password(user, form.validated_data["new_password"])
        pair = start_session(user, client=request.headers.get("User-Agent", ""))
        return Response(TokenPairSerializer(pair).data)

    @extend_schema(request=PasswordResetSerializer, responses=MessageSerializer, auth=[])
    @action(["post"], detail=False, throttle_classes=[PasswordResetThrottle], **OPEN)
    def reset(self, request: Request) -> Response:
        """Have a token mailed. The answer is the same whether there is such an account."""
        form = checked(PasswordResetSerializer(data=request.data))
        mail_password_reset.defer(email=form.validated_data["email"], **carried())
        return Response({"detail": "If there is such an account, a mail is on its way to it."})

    @extend_schema(request=PasswordResetConfirmSerializer, responses=MessageSerializer, auth=[])
    @action(
        ["post"],
        detail=False,
        url_path="reset/confirm",
        throttle_classes=[PasswordResetThrottle],
        **OPEN,
    )
    def confirm(self, request: Request) -> Response:
        form = checked(PasswordResetConfirmSerializer(data=request.data))
        user = user_of_reset_token(form.validated_data["token"])
        password = checked_password(form.validated_data["new_password"], user, "new_password")
        replace_password(user, password)
        return Response({"detail": "The password is changed. Log in with it."})


class SessionViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, RowsViewSet[Session]):
    """Where one is logged in; deleting a session logs that client out at once."""

    queryset = Session.objects.none()
    serializer_class = SessionSerializer
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Session]:
        return Session.objects.living().visible_to(self.request.user)


class PersonalAccessTokenViewSet(
    mixins.ListModelMixin, mixins.DestroyModelMixin, RowsViewSet[PersonalAccessToken]
):
    """Credentials for scripts, which work wherever an access token does."""

    queryset = PersonalAccessToken.objects.none()
    serializer_class = PersonalAccessTokenSerializer
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[PersonalAccessToken]:
        return PersonalAccessToken.objects.visible_to(self.request.user)

    @extend_schema(
        request=PersonalAccessTokenSerializer, responses={201: NewPersonalAccessTokenSerializer}
    )
    def create(self, request: Request) -> Response:
        """Make a token. `token` is in this answer and never again."""
        form = checked(
            PersonalAccessTokenSerializer(data=request.data, context={"request": request})
        )
        token, secret = make_personal_access_token(user=signed_in(request), **form.validated_data)
        body = PersonalAccessTokenSerializer(token).data | {"token": secret}
        return Response(body, status=status.HTTP_201_CREATED)


class ProtectedViewSet(ApiViewSet):
    """The simplest endpoint that needs a login; clients try their token on it."""

    @extend_schema(responses=GreetingSerializer)
    def retrieve(self, request: Request) -> Response:
        user = signed_in(request)
        message = f"Hello {user.username}, your token works."
        return Response(GreetingSerializer({"message": message, "user": user}).data)
