import pytest
from django.core.management import CommandError, call_command

from documents.models import Document
from documents.tests.factories import make_pdf


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "one.txt").write_text("One.")
    (tmp_path / "a" / "two.md").write_text("# Two")
    (tmp_path / "a" / "b" / "three.pdf").write_bytes(make_pdf("Three."))
    (tmp_path / ".git" / "config").write_text("hidden")
    (tmp_path / "link.txt").symlink_to(tmp_path / "one.txt")
    return tmp_path


@pytest.fixture
def run(alice, capsys):
    def run(folder, user="Alice@example.com"):
        call_command("import_documents", str(folder), "--user", user)
        return capsys.readouterr()

    return run


def test_a_tree_is_imported(alice, folder, run):
    output = run(folder)

    assert output.out == "3 files: 3 imported, 0 already there, 0 failed.\n"
    assert "100% (3 of 3)" in output.err
    assert list(
        Document.objects.filter(user=alice).order_by("filename").values_list("filename", "status")
    ) == [("one.txt", "ready"), ("three.pdf", "pending"), ("two.md", "ready")]


def test_a_second_run_goes_on_where_the_first_ended(folder, run):
    run(folder)
    (folder / "four.txt").write_text("Four.")

    assert run(folder).out == "4 files: 1 imported, 3 already there, 0 failed.\n"
    assert Document.objects.count() == 4


def test_what_failed_is_named_with_the_reason(folder, run, settings, capsys):
    (folder / "a" / "program.pdf").write_bytes(b"\x7fELF" + bytes(100))
    (folder / "big.txt").write_text("x" * 2000)
    settings.MAX_UPLOAD_BYTES = 1500

    with pytest.raises(CommandError) as error:
        run(folder)

    lines = capsys.readouterr().out.splitlines()
    assert error.value.returncode == 1
    assert lines[0].startswith("failed: a/program.pdf: This type of file is not supported.")
    assert lines[1].startswith("failed: big.txt: A file may have")
    assert lines[2] == "5 files: 3 imported, 0 already there, 2 failed."


def test_a_full_quota_ends_the_import(folder, run, settings, capsys):
    settings.QUOTA_DOCUMENTS = 1

    with pytest.raises(CommandError):
        run(folder)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("failed: a/two.md and the 1 after it: You have 1 of 1 documents.")
    assert lines[1] == "3 files: 1 imported, 0 already there, 2 failed."


@pytest.mark.parametrize("user", ["nobody@example.com"])
def test_an_unknown_user_is_an_error(folder, run, user):
    with pytest.raises(CommandError, match="There is no user"):
        run(folder, user)


def test_an_unknown_folder_is_an_error(folder, run):
    with pytest.raises(CommandError, match="is not a folder"):
        run(folder / "nowhere")
