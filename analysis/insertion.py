"""A new analysis and all that belongs to it, stored by one statement.

It commits by itself, and waits for nothing in between: a user's budget is locked only for as long
as PostgreSQL takes to write.
"""

from functools import partial

from django.db import transaction
from psycopg.types.json import Jsonb

from analysis.budgets import RESERVE, most_of
from analysis.jobs import job_lock, run_analysis
from analysis.models import Analysis, AnalysisResult
from ultrai.compiled import run_prepared
from ultrai.jobs import INSERT_JOB, tell_workers
from ultrai.tracing import carried

# The more a user has waiting, the later their next one comes: nobody's thousand analyses hold up
# another's one.
PRIORITY = """
    SELECT -least(count(*), 30000) FROM analyses
    WHERE user_id = %(user_id)s AND status IN ('queued', 'running')
"""
JOB = INSERT_JOB.format(
    values=f"""
        %(task)s, %(queue)s, %(lock)s || asked.id, ({PRIORITY}) - 1, NULL,
        %(carried)s || jsonb_build_object('analysis_id', asked.id)
    """,
    source="asked, ",
)
# What comes after the budget comes only if there was room in it; or if the amount is null, which
# is not known yet and takes nothing from it.
INSERT = f"""
    WITH reserved AS ({RESERVE}),
    asked AS (
        INSERT INTO analyses (
            user_id, document_id, prompt, models, synthesizer, mode, strategy, minimum_answers,
            uses_cache, parameters, status, max_cost_usd, estimated_cost_usd, reserved_usd,
            reserved_month
        )
        SELECT
            %(user_id)s, %(document_id)s, %(prompt)s, %(model_ids)s::text[], %(synthesizer)s,
            %(mode)s, %(strategy)s, %(minimum_answers)s, %(uses_cache)s, %(parameters)s,
            %(status)s, %(max_cost_usd)s, %(amount)s, %(reserved_usd)s, %(month)s
        WHERE %(amount)s IS NULL OR EXISTS (SELECT FROM reserved)
        RETURNING id, user_id, document_id, prompt, parameters, created_at
    ),
    calls AS (
        INSERT INTO analysis_results (
            user_id, analysis_id, document_id, prompt, parameters,
            llm_provider, model, stage, status
        )
        SELECT
            user_id, asked.id, document_id, prompt, parameters,
            provider, model, stage, %(call_status)s
        FROM asked, unnest(%(providers)s::text[], %(models)s::text[], %(stages)s::text[])
            WITH ORDINALITY AS call (provider, model, stage, place)
        ORDER BY place
        RETURNING id
    ),
    job AS ({JOB})
    SELECT id, created_at, ARRAY(SELECT id FROM calls ORDER BY id), (SELECT id FROM job) FROM asked
"""  # noqa: S608  of ours


def insert(analysis: Analysis, calls: list[AnalysisResult]) -> bool:
    """Store a drafted analysis, its first calls and its job, and set aside what it may cost.

    False when the budget has no room for that, and nothing is stored.
    """
    values = {
        **vars(analysis),
        "parameters": Jsonb(analysis.parameters),
        "amount": analysis.estimated_cost_usd,
        "month": analysis.reserved_month,
        "most": most_of(analysis.user),
        "call_status": AnalysisResult.Status.PENDING,
        "providers": [call.llm_provider for call in calls],
        "models": [call.model for call in calls],
        "stages": [call.stage for call in calls],
        "task": run_analysis.name,
        "queue": run_analysis.queue,
        "lock": job_lock(""),
        "carried": Jsonb(carried()),
    }
    stored = run_prepared(INSERT, values)
    if not stored:
        return False
    ((analysis.id, analysis.created_at, call_ids, job_id),) = stored
    for call, call_id in zip(calls, call_ids, strict=True):
        call.id, call.analysis_id = call_id, analysis.id
        call.created_at = call.updated_at = analysis.created_at  # when the statement began
    for row in (analysis, *calls):
        row._state.adding = False  # noqa: SLF001  as save() does
    analysis.keep_results(calls)
    transaction.on_commit(partial(tell_workers, run_analysis.queue, job_id), robust=True)
    return True
