from datetime import UTC, datetime

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from rest_framework_simplejwt.tokens import Token

from accounts.authentication import signed_in
from accounts.models import User
from accounts.serializers import (
    GreetingSerializer,
    LoginSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    TokenPairSerializer,
    UserSerializer,
    VerificationSerializer,
)
from accounts.tokens import refresh_session, start_session
from ultrai.exceptions import DomainError


class InvalidCredentials(DomainError):
    status = 401
    code = "invalid_credentials"


@extend_schema(tags=["accounts"])
class AccountViewSet(ViewSet):
    """Register, log in, stay logged in."""

    @extend_schema(request=RegistrationSerializer, responses={201: UserSerializer}, auth=[])
    @action(["post"], detail=False, permission_classes=[AllowAny], authentication_classes=[])
    def register(self, request: Request) -> Response:
        form = RegistrationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(UserSerializer(form.save()).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=LoginSerializer, responses=TokenPairSerializer, auth=[])
    @action(["post"], detail=False, permission_classes=[AllowAny], authentication_classes=[])
    def login(self, request: Request) -> Response:
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
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
    @action(["post"], detail=False, permission_classes=[AllowAny], authentication_classes=[])
    def refresh(self, request: Request) -> Response:
        form = RefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        pair = refresh_session(form.validated_data["refresh_token"])
        return Response(TokenPairSerializer(pair).data)

    @extend_schema(responses=UserSerializer)
    @action(["get"], detail=False)
    def me(self, request: Request) -> Response:
        return Response(UserSerializer(signed_in(request)).data)

    @extend_schema(responses=VerificationSerializer)
    @action(["get"], detail=False)
    def verify(self, request: Request) -> Response:
        """Tell whether the access token still counts: 200 or 401."""
        user, token = signed_in(request), request.auth
        assert isinstance(token, Token)
        return Response(
            VerificationSerializer(
                {
                    "valid": True,
                    "user_id": user.pk,
                    "email": user.email,
                    "expires_at": datetime.fromtimestamp(token["exp"], UTC),
                }
            ).data
        )


@extend_schema(tags=["accounts"])
class ProtectedViewSet(ViewSet):
    """The simplest endpoint that needs a login; clients try their token on it."""

    @extend_schema(responses=GreetingSerializer, operation_id="protected")
    def retrieve(self, request: Request) -> Response:
        user = signed_in(request)
        message = f"Hello {user.username}, your token works."
        return Response(GreetingSerializer({"message": message, "user": user}).data)
