import csv
import io
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.test_staff import member_of
from analysis.jobs import run_analysis
from analysis.models import Analysis, AnalysisResult, Budget
from analysis.tests.factories import make_analysis
from documents.models import Document
from documents.tests.test_extract import upload

ANALYSES = reverse("admin:analysis_analysis_changelist")
RESULTS = reverse("admin:analysis_analysisresult_changelist")
DOCUMENTS = reverse("admin:documents_document_changelist")
JOBS = reverse("admin:procrastinate_procrastinatejob_changelist")


def run(client, url, action, *rows, **answers):
    """Choose an action for these rows, and confirm it."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(url, chosen | {"confirmed": "yes"} | answers)


def test_an_action_is_asked_for_first(staff, result):
    response = staff.post(ANALYSES, {"action": "cancel", "_selected_action": [result.analysis_id]})

    assert "Are you sure?" in response.text
    assert 'name="_selected_action" value="' in response.text
    assert Analysis.objects.get().status == "queued"


def test_staff_cancel_and_retry_from_the_list(staff, result):
    run(staff, ANALYSES, "cancel", result.analysis)
    assert Analysis.objects.get().status == "cancelled"

    run(staff, ANALYSES, "retry", result.analysis)

    assert Analysis.objects.get().status == "queued"
    log = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
    assert log == ["Cancelled:", "Queued again:"]


def test_staff_cancel_from_the_page_of_the_analysis(staff, result):
    url = reverse("admin:analysis_analysis_change", args=[result.analysis_id])
    chosen = {"CHANGE_FORM-action": "cancel", "_selected_action": [result.analysis_id]}

    assert "Are you sure?" in staff.post(url, chosen).text
    staff.post(url, chosen | {"confirmed": "yes"})

    assert Analysis.objects.get().status == "cancelled"


def test_what_cannot_be_done_says_why_and_stops_no_other(staff, alice):
    ended, queued = make_analysis(alice), make_analysis(alice)
    ended.cancel()

    response = run(staff, ANALYSES, "cancel", ended, queued)

    page = staff.get(response.url).text
    assert "The analysis has ended already." in page
    assert set(Analysis.objects.values_list("status", flat=True)) == {"cancelled"}
    assert LogEntry.objects.get().object_id == str(queued.pk)


def test_a_selection_is_exported(staff, alice):
    wanted, _other = make_analysis(alice, prompt="=1+1"), make_analysis(alice)

    rows = run(staff, ANALYSES, "export_csv", wanted)
    found = run(staff, ANALYSES, "export_json", wanted)

    (row,) = csv.DictReader(io.StringIO(b"".join(rows.streaming_content).decode()))
    (analysis,) = json.loads(b"".join(found.streaming_content))
    assert (row["analysis_id"], row["prompt"]) == (str(wanted.pk), "'=1+1")
    assert analysis["id"] == wanted.pk
    assert LogEntry.objects.count() == 2


def test_selected_results_are_exported_with_their_texts(staff, alice):
    wanted = make_analysis(alice, prompt="=1+1").results.get()
    make_analysis(alice)
    AnalysisResult.objects.update(status="succeeded", response="Two.")

    rows = run(staff, RESULTS, "export_csv", wanted)
    found = run(staff, RESULTS, "export_json", wanted)

    (row,) = csv.DictReader(io.StringIO(b"".join(rows.streaming_content).decode()))
    (result,) = json.loads(b"".join(found.streaming_content))
    assert (row["id"], row["prompt"], row["response"]) == (str(wanted.pk), "'=1+1", "Two.")
    assert (result["analysis_id"], result["response"]) == (wanted.analysis_id, "Two.")
    log = LogEntry.objects.order_by("pk").values_list("object_id", "change_message")
    assert list(log) == [(str(wanted.pk), f"Exported as {form}.") for form in ("CSV", "JSON")]


@pytest.mark.parametrize("url", [ANALYSES, RESULTS])
def test_nobody_exports_what_they_may_not_read(db, result, url):
    support = member_of("Support")
    Group.objects.get(name="Support").permissions.remove(
        Permission.objects.get(codename="read_analysis")
    )

    response = run(support, url, "export_csv", result if url == RESULTS else result.analysis)

    assert not response.streaming
    assert not LogEntry.objects.exists()


def test_a_file_is_read_again(staff, alice, client_of, run_jobs):
    pk = upload(client_of(alice), "Kettle")
    run_jobs()

    run(staff, DOCUMENTS, "extract_again", Document.objects.get())

    assert Document.objects.get(pk=pk).is_to_be_read


def test_a_legal_hold_needs_a_reason_and_keeps_what_is_held(staff, result):
    document = result.document
    assert "Are you sure?" in run(staff, DOCUMENTS, "hold", document, reason=" ").text

    run(staff, DOCUMENTS, "hold", document, reason="Case 7")
    delete = reverse("admin:documents_document_delete", args=[document.pk])
    refused = staff.get(staff.post(delete, {"post": "yes"}).url).text

    document.refresh_from_db()
    assert document.legal_hold_reason == "Case 7"
    assert "under legal hold" in refused
    run(staff, DOCUMENTS, "lift_hold", document)
    staff.post(delete, {"post": "yes"})
    assert not Document.objects.exists()


def test_deleting_an_analysis_gives_back_what_was_set_aside(staff, result):
    Analysis.objects.update(reserved_usd=2)
    Budget.objects.update(reserved_usd=2)

    url = reverse("admin:analysis_analysis_delete", args=[result.analysis_id])
    staff.post(url, {"post": "yes"})

    assert not Analysis.objects.exists()
    assert Budget.objects.get().reserved_usd == 0


def test_jobs_are_seen_and_cancelled(staff, result):
    job = ProcrastinateJob.objects.get()
    assert "analysis.run" in staff.get(JOBS).text

    run(staff, JOBS, "cancel", job)

    assert ProcrastinateJob.objects.get().status == "cancelled"
    page = reverse("admin:procrastinate_procrastinatejob_change", args=[job.pk])
    assert "cancelled" in staff.get(page).text


def test_a_failed_job_runs_again(run_jobs, staff, result):
    job = ProcrastinateJob.objects.get()
    refused = staff.get(run(staff, JOBS, "retry", job).url).text
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")

    run(staff, JOBS, "retry", job)
    run_jobs()

    assert "only a failed one is queued again" in refused
    assert Analysis.objects.get().status == "succeeded"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(job.pk), "Queued again:")


def test_a_failed_job_stays_where_its_work_waits_already(staff, result):
    job = ProcrastinateJob.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    run_analysis.configure(queueing_lock=job.queueing_lock).defer(**job.args)

    page = staff.get(run(staff, JOBS, "retry", job).url).text

    assert "Another job for the same work waits already." in page
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["failed", "todo"]


@pytest.mark.parametrize(
    ("url", "action"),
    [
        (ANALYSES, "retry"),
        (ANALYSES, "cancel"),
        (DOCUMENTS, "extract_again"),
        (DOCUMENTS, "hold"),
        (DOCUMENTS, "lift_hold"),
        (JOBS, "retry"),
        (JOBS, "cancel"),
    ],
)
def test_support_staff_act_on_nothing(db, result, url, action):
    job = ProcrastinateJob.objects.get()
    row = {ANALYSES: result.analysis, DOCUMENTS: result.document, JOBS: job}[url]

    page = run(member_of("Support"), url, action, row, reason="Case 7")

    assert "Are you sure?" not in page.text
    assert not LogEntry.objects.exists()
    assert Analysis.objects.get().status == "queued"
    assert ProcrastinateJob.objects.get().status == "todo"
    assert not Document.objects.get().legal_hold_at
