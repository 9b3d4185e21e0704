"""Mail, sent by the worker: no request waits for a mail server, or tells by its time who exists."""

import asyncio

from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.core.mail import send_mail
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.idempotency import LIFETIME, IdempotencyKey
from accounts.models import Session, User
from ultrai.jobs import RETRY, in_database
from ultrai.tracing import traced

QUEUE = "mail"

RESET_TEXT = """\
Somebody, probably you, asked for a new password for the UltrAI account {email}.

{how}

This works for one hour. If it was not you, there is nothing to do: your password is as it was.
"""
CHANGED_TEXT = """\
The password of the UltrAI account {email} was changed just now. Every session and every personal
access token of it has ended.

If it was not you, ask for a new password at once.
"""
EMAIL_CHANGED_TEXT = """\
The UltrAI account of {old} now belongs to the address {new}.

If it was not you, write to those who run the service.
"""


@app.task(name="accounts.mail_reset", queue=QUEUE, retry=RETRY)
@traced
async def mail_password_reset(email: str) -> None:
    """Mail a reset token, if there is such a user: only here is it looked up."""
    from accounts.passwords import reset_token  # passwords queues jobs of this module

    user = await in_database(User.objects.filter(email=email.lower(), is_active=True).first)
    if user is None:
        return
    token = reset_token(user)
    link = settings.PASSWORD_RESET_URL.replace("{token}", token)
    how = f"Open this link:\n{link}" if link else f"Your token for a new password:\n{token}"
    text = RESET_TEXT.format(email=user.email, how=how)
    await send("A new password for UltrAI", text, user.email)


@app.task(name="accounts.mail_changed", queue=QUEUE, retry=RETRY)
@traced
async def mail_password_changed(user_id: int) -> None:
    user = await in_database(User.objects.filter(pk=user_id).first)
    if user is not None:
        await send(
            "Your UltrAI password was changed", CHANGED_TEXT.format(email=user.email), user.email
        )


@app.task(name="accounts.mail_email_changed", queue=QUEUE, retry=RETRY)
@traced
async def mail_email_changed(old: str, new: str) -> None:
    await send("Your UltrAI email was changed", EMAIL_CHANGED_TEXT.format(old=old, new=new), old)


@app.periodic(cron="47 * * * *")  # hourly: a service that sleeps at night has no nightly job
@app.task(name="accounts.clean", queue="upkeep", queueing_lock="clean_sessions")
async def delete_what_is_over(timestamp: int) -> None:
    """Forget sessions whose time is over, those of browsers in the admin too, and old keys."""
    old = timezone.now() - LIFETIME
    await in_database(IdempotencyKey.objects.filter(created_at__lt=old).delete)
    await in_database(Session.objects.filter(expires_at__lt=timezone.now()).delete)
    await in_database(BrowserSession.objects.filter(expire_date__lt=timezone.now()).delete)


async def send(subject: str, text: str, to: str) -> None:
    await asyncio.to_thread(send_mail, subject, text, None, [to])
