from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from analysis.models import Analysis, AnalysisResult
from analysis.services import record_result
from analysis.tests.factories import make_analysis
from analysis.upkeep.jobs import apply_retention
from analysis.upkeep.models import RetentionRun
from conftest import PASSWORD
from documents.models import Document, DocumentUsage
from documents.tests.factories import make_document

YEAR_AGO = timezone.now() - timedelta(days=365)
YESTERDAY = timezone.now() - timedelta(days=1)


def make_old(document):
    Document.objects.filter(pk=document.pk).update(created_at=YEAR_AGO)
    return document


def make_finished(user, document=None, *, at=YEAR_AGO):
    analysis = make_analysis(user, document)
    Analysis.objects.filter(pk=analysis.pk).update(status="succeeded", finished_at=at)
    return analysis


def apply(*arguments):
    output = StringIO()
    call_command("apply_retention", *arguments, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def keeps(settings):
    """Documents for 90 days, analyses for 30."""
    settings.DOCUMENT_RETENTION_DAYS, settings.ANALYSIS_RETENTION_DAYS = 90, 30


def test_nothing_is_deleted_unless_it_is_asked_for(alice):
    make_finished(alice, make_old(make_document(alice)))

    apply()

    assert (Document.objects.count(), Analysis.objects.count()) == (1, 1)


@pytest.mark.usefixtures("keeps")
def test_what_is_old_goes_with_all_that_hangs_on_it_and_the_run_says_so(alice):
    old, new = make_old(make_document(alice)), make_document(alice, content="new")
    make_finished(alice, old, at=YESTERDAY)
    mine = make_finished(alice, new, at=YESTERDAY)
    make_finished(alice, new)
    recorded = record_result(user=alice, document=None, llm_provider="x", prompt="?", response="!")
    AnalysisResult.objects.filter(pk=recorded.pk).update(created_at=YEAR_AGO)

    output = apply()

    run = RetentionRun.objects.get()
    assert (run.documents, run.analyses, run.results) == (1, 2, 3)
    assert run.bytes == old.size_bytes
    assert run.duration is not None
    assert "Deleted 1 documents, 2 analyses, 3 results" in output
    assert list(Document.objects.all()) == [new]
    assert list(Analysis.objects.all()) == [mine]
    assert DocumentUsage.objects.get(user=alice).documents == 1


@pytest.mark.usefixtures("keeps")
def test_a_dry_run_counts_the_same_and_deletes_nothing(alice):
    make_finished(alice, make_old(make_document(alice)))
    make_finished(alice)

    apply("--dry-run")
    assert Document.objects.count() == 1
    apply()

    dry, real = RetentionRun.objects.order_by("pk")
    counted = ["documents", "bytes", "analyses", "results", "held_documents"]
    assert [getattr(dry, n) for n in counted] == [getattr(real, n) for n in counted]
    assert (dry.is_dry_run, dry.documents, dry.analyses) == (True, 1, 2)


@pytest.mark.usefixtures("keeps")
def test_a_legal_hold_keeps_the_document_and_its_analyses(alice):
    held = make_old(make_document(alice))
    kept = make_finished(alice, held)
    held.hold("Case 4711")

    apply()

    assert RetentionRun.objects.get().held_documents == 1
    assert list(Analysis.objects.all()) == [kept]


def test_an_own_last_day_counts_instead_of_the_setting(alice, keeps):
    tomorrow = timezone.now().date() + timedelta(days=1)
    kept = make_old(make_document(alice, content="kept"))
    over = make_document(alice, content="over")
    Document.objects.filter(pk=kept.pk).update(delete_after=tomorrow)
    Document.objects.filter(pk=over.pk).update(delete_after=tomorrow - timedelta(days=2))

    apply()

    assert list(Document.objects.all()) == [kept]


@pytest.mark.usefixtures("keeps")
def test_an_old_document_with_a_new_file_or_an_analysis_at_work_stays(alice, client_of):
    replaced, asked = make_old(make_document(alice)), make_old(make_document(alice))
    file = SimpleUploadedFile("new.txt", b"another text")
    url = reverse("document-file", args=[replaced.pk])
    client_of(alice).put(url, {"file": file}, format="multipart")
    make_analysis(alice, asked)

    apply()

    assert set(Document.objects.all()) == {replaced, asked}


@pytest.mark.usefixtures("keeps")
def test_many_go_in_short_transactions(alice):
    document = make_old(make_document(alice))
    for _ in range(5):
        make_finished(alice, document, at=YESTERDAY)

    output = apply("--batch=2")

    assert (Document.objects.count(), Analysis.objects.count()) == (0, 0)
    assert output.count("...") >= 3
    assert RetentionRun.objects.get().analyses == 5


@pytest.mark.django_db(transaction=True)
def test_the_worker_does_it_every_hour_and_staff_see_the_report(alice, run_jobs, client, keeps):
    make_old(make_document(alice))
    client.force_login(User.objects.create_superuser("root@example.com", "Root", PASSWORD))

    apply_retention.configure().defer(timestamp=0)
    run_jobs()

    page = client.get(reverse("admin:analysis_retentionrun_changelist"))
    assert RetentionRun.objects.get().documents == 1
    assert page.status_code == 200
    assert [run.documents for run in page.context["cl"].result_list] == [1]


def test_where_retention_is_off_the_worker_leaves_no_report(transactional_db, run_jobs):
    with transaction.atomic():
        apply_retention.configure().defer(timestamp=0)
    run_jobs()

    assert not RetentionRun.objects.exists()
