"""The whole journey with a generated client: run by test_generated_clients.py, and an example.

`python journey.py URL FILE` registers, logs in, uploads the file, asks, waits and exports.
"""

import sys
from pathlib import Path

from ultrai_core_client import AuthenticatedClient, Client
from ultrai_core_client.api.accounts import get_me, log_in, register
from ultrai_core_client.api.analyses import create_analysis, export_analysis, get_analysis
from ultrai_core_client.api.documents import get_document, list_documents, upload_document
from ultrai_core_client.api.models import list_models
from ultrai_core_client.models import (
    AnalysisDetail,
    CreatedDocument,
    DocumentDetail,
    DocumentUploadRequest,
    LoginRequest,
    NewAnalysisRequest,
    PaginatedDocumentHitList,
    PaginatedModelList,
    Problem,
    RegistrationRequest,
    TokenPair,
    User,
)
from ultrai_core_client.types import File

EMAIL, PASSWORD = "grace@example.com", "a long enough password"


def main(url: str, path: Path) -> None:
    visitor = Client(base_url=url, raise_on_unexpected_status=True)
    account = RegistrationRequest(email=EMAIL, username="Grace", password=PASSWORD)
    assert isinstance(register.sync(client=visitor, body=account), User)
    again = register.sync(client=visitor, body=account)
    assert isinstance(again, Problem)
    assert again.code == "email_taken"
    pair = log_in.sync(client=visitor, body=LoginRequest(email=EMAIL, password=PASSWORD))
    assert isinstance(pair, TokenPair)

    client = AuthenticatedClient(
        base_url=url, token=pair.access_token, raise_on_unexpected_status=True
    )
    me = get_me.sync(client=client)
    assert isinstance(me, User)
    assert me.email == EMAIL

    with path.open("rb") as file:
        upload = DocumentUploadRequest(file=File(payload=file, file_name=path.name))
        document = upload_document.sync(client=client, body=upload)
    assert isinstance(document, CreatedDocument)
    page = list_documents.sync(client=client, limit=10)
    assert isinstance(page, PaginatedDocumentHitList)
    assert [row.id for row in page.results] == [document.id]

    offered = list_models.sync(client=client)
    assert isinstance(offered, PaginatedModelList)
    question = NewAnalysisRequest(
        document_id=document.id,
        prompt="What will it cost?",
        models=[model.id for model in offered.results[:2]],
        mode="synthesis",
        max_cost_usd="1.00",
    )
    analysis = create_analysis.sync(client=client, body=question, idempotency_key="journey")
    assert isinstance(analysis, AnalysisDetail)
    for _ in range(30):
        if analysis.finished_at:
            break
        analysis = get_analysis.sync(analysis.id, client=client, wait=5)
        assert isinstance(analysis, AnalysisDetail)
    assert analysis.status == "succeeded"
    assert [result.stage for result in analysis.results] == ["answer", "answer", "synthesis"]

    read = get_document.sync(document.id, client=client)
    assert isinstance(read, DocumentDetail)
    assert read.status == "ready"
    report = export_analysis.sync(analysis.id, client=client, format_="md")
    assert isinstance(report, str)
    print(report)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
