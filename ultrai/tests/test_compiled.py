"""SQL that is kept by a query's shape: never another query's, never another call's values."""

from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Left
from django.utils import timezone

from analysis.models import Analysis
from analysis.tests.factories import make_analysis
from documents.models import Document
from documents.tests.factories import make_document
from ultrai.compiled import RowComparison, Shape, ShapedQuery, Shapeless
from ultrai.querysets import Parameter, Prepared


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
