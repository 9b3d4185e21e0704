"""SQL that is kept by a query's shape: never another query's, never another call's values."""

import tracemalloc
from datetime import timedelta

import pytest
from django.core.exceptions import FieldError, ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Left, Lower
from django.utils import timezone

from analysis.models import Analysis
from analysis.tests.factories import make_analysis
from documents.models import Document
from documents.tests.factories import make_document
from ultrai.compiled import RowComparison, Shape, ShapedQuery, Shapeless
from ultrai.querysets import Parameter, Prepared, ShapedQuerySet


@pytest.fixture
def documents(alice, bob):
    names = ["a", "b", "c", "d"]
    return [make_document(user, filename=name) for user in (alice, bob) for name in names]


def pages(alice, bob, ids):
    """Querysets of documents, each unlike the others in one thing."""
    of = Document.objects.visible_to
    everything = Document.objects.all()
    yield of(alice)
    yield of(bob)
    yield of(bob).order_by("id")
    yield of(bob).order_by("-id")
    yield of(bob).order_by("filename")[:2]
    yield of(bob).order_by("filename")[1:3]
    yield of(bob).exclude(filename="b")
    yield of(bob).filter(filename="b")
    yield of(bob).filter(filename__exact="b")
    yield of(bob).filter(Q(filename="b"), Q(Q(filename__exact="c")))
    yield of(bob).filter(Q(filename="b"), ~Q(filename="c"))
    yield of(bob).filter(sha256="b")
    yield of(bob).filter(Q(filename="b") | Q(filename="c"))
    yield of(bob).filter(filename="b", status="ready")
    yield of(alice).filter(pk=ids[1])
    yield of(alice).filter(pk__lt=ids[1])
    yield of(alice).filter(pk__lte=ids[1])
    yield of(alice).filter(pk__gt=2**70)
    yield of(alice).filter(pk__in=ids[1:3])
    yield of(alice).filter(pk__in=ids[1:2])
    yield of(alice).filter(pk__in=[])
    yield of(alice).filter(RowComparison([F("id")], "<", [Value(ids[2])]))
    yield of(alice).filter(RowComparison([F("id")], ">", [Value(ids[2])]))
    yield of(alice).filter(filename=F("filename"))
    yield of(alice).filter(user__email="bob@example.com")
    yield everything.filter(user__email="bob@example.com")
    yield everything.filter(error_code__isnull=True)
    yield everything.filter(page_count__isnull=True)
    yield everything.none()


def test_every_queryset_gets_its_own_rows(alice, bob, documents):
    ids = [document.pk for document in documents]

    def written_anew(shaped):
        shaped.query.__class__ = ShapedQuery.__base__
        return list(shaped)

    expected = [written_anew(rows) for rows in pages(alice, bob, ids)]
    for _ in range(2):  # the second time from what was kept
        assert [list(rows) for rows in pages(alice, bob, ids)] == expected


def test_what_is_not_read_stays_unread(alice, documents, django_assert_num_queries):
    for rows in (Document.objects.visible_to(alice), Document.objects.defer("content")):
        list(rows)
    with django_assert_num_queries(1):
        (first, *_) = Document.objects.visible_to(alice).defer("content").order_by("id")
    assert first.get_deferred_fields() == {"content"}
    with django_assert_num_queries(1):
        assert first.content == documents[0].content


def test_annotations_and_joins_come_with_the_rows(alice, django_assert_num_queries):
    document = make_document(alice, filename="one")
    make_analysis(user=alice, document=document, prompt="What now?", models=["builtin:summary"])
    for length in (4, 6):
        found = Analysis.objects.visible_to(alice).select_related("document")
        with django_assert_num_queries(1):
            analysis = found.annotate(start=Left("prompt", length)).get()
            assert str(analysis.document) == "one"
        assert vars(analysis)["start"] == "What now?"[:length]


def test_counting_and_asking_whether_there_are_any_still_works(alice, bob, documents):
    of = Document.objects.visible_to

    assert (of(alice).count(), of(bob).filter(filename="a").exists()) == (4, True)
    assert len(of(alice).union(of(bob))) == 8
    assert Document.objects.filter(pk__in=of(alice)).count() == 4
    assert of(bob).filter(filename="a").update(filename="z") == 1
    with pytest.raises(ObjectDoesNotExist):
        of(bob).get(filename="a")


def test_locking_rows_is_no_shape(alice, db):
    with pytest.raises(Shapeless):
        shape_of(Document.objects.visible_to(alice).select_for_update())


def shape_of(queryset: QuerySet) -> Shape:
    from django.db import connection

    return Shape(queryset.query, connection)


def test_a_shape_is_not_kept_from_values_that_cannot_be_told_apart(documents):
    same = Document.objects.filter(filename="a", sha256="a", content="")
    list(same)

    assert ("default", shape_of(same).key) not in ShapedQuery.statements
    other = Document.objects.filter(filename="a", sha256="b", content="")
    list(other)
    assert ("default", shape_of(same).key) in ShapedQuery.statements


def test_values_are_no_part_of_a_shape(alice, bob):
    of = Document.objects.visible_to

    assert shape_of(of(alice)).key == shape_of(of(bob)).key
    assert shape_of(of(alice)).values == [alice.pk]


def test_a_prepared_query_takes_each_call_s_values(alice, bob, documents):
    named = Prepared(
        lambda: (
            Document.objects.select_related("user")
            .filter(user_id=Parameter("user"), filename=Parameter("name"))
            .filter(created_at__lt=Parameter("now"))
        )
    )
    now = timezone.now() + timedelta(minutes=1)

    def owner_of(user, name):
        found = named.first(user=user.pk, name=name, now=now)
        return found and (found.user.email, found.filename)

    assert owner_of(alice, "a") == ("alice@example.com", "a")
    assert owner_of(bob, "d") == ("bob@example.com", "d")
    assert owner_of(bob, "e") is None


def conditions(alice, rows):
    """Conditions that are said without ado, and some that are not."""
    yield rows.filter(user=alice)
    yield rows.filter(user_id=alice.pk)
    yield rows.filter(user=alice.pk, pk=7)
    yield rows.filter(user=str(alice.pk), filename="a")
    yield rows.filter(pk="7", page_count=3).filter(sha256="b")
    yield rows.filter(Q(filename="a") & Q(status="ready"))
    yield rows.filter(filename="a", user__email="bob@example.com")
    yield rows.filter(user__email="bob@example.com").filter(user=alice)
    yield rows.filter(page_count=None)
    yield rows.exclude(filename="a").filter(filename="b")
    yield rows.filter(filename="a") | rows.filter(filename="b")
    yield rows.filter(analyses__prompt="a", filename="b")


def test_conditions_become_the_sql_that_django_makes_of_them(alice):
    ours, django = (
        [str(rows.query) for rows in conditions(alice, queryset(Document))]
        for queryset in (ShapedQuerySet, QuerySet)
    )

    assert ours == django


def test_a_value_that_no_column_takes_is_refused_as_ever(alice):
    with pytest.raises(ValueError, match="expected a number"):
        Document.objects.filter(pk="seven")
    with pytest.raises(ValueError, match="Must be"):
        Document.objects.filter(user=make_document(alice))  # type: ignore[misc]
    with pytest.raises(FieldError):
        Document.objects.filter(nothing=1)  # type: ignore[misc]


def test_a_row_comes_back_as_it_was_inserted(alice):
    metadata = {"big": 2**70, "text": '"\\é', "none": None}
    text = {"content": "x" * 9_000, "status": Document.Status.READY, "word_count": 1}

    document = Document.objects.create(
        user=alice, filename="a", metadata=metadata, size_bytes=1, **text
    )

    stored: Document = QuerySet(Document).get(pk=document.pk)
    names = [field.attname for field in Document._meta.concrete_fields]
    assert {n: vars(document)[n] for n in names} == {n: vars(stored)[n] for n in names}
    assert document.created_at.utcoffset() == timedelta(0)


def test_what_cannot_be_inserted_is_an_error_of_the_database(alice):
    document = make_document(alice)

    with pytest.raises(IntegrityError), transaction.atomic():
        Document(pk=document.pk, user=alice, filename="a", size_bytes=1).save(force_insert=True)
    made = Document.objects.create(user=alice, filename=Lower(Value("A")), size_bytes=1)
    assert Document.objects.get(pk=made.pk).filename == "a"


def test_the_text_of_a_query_is_not_kept_by_the_connection(db):
    tracemalloc.start()
    with connection.cursor() as cursor:
        cursor.execute("SELECT length(%s)", ["x" * 5_000_000])
        assert cursor.fetchone() == (5_000_000,)
    del cursor
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 1_000_000
