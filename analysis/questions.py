from analysis.calls import OUTPUT_TOKENS, Question
from analysis.models import Analysis
from analysis.providers import model_info


def question_of(analysis: Analysis, document: str | None) -> Question:
    """Return what the pipeline is to answer, from the stored request and the document's text."""
    return Question(
        prompt=analysis.prompt,
        document=document,
        models=analysis.model_ids,
        synthesizer=analysis.synthesizer or None,
        is_council=analysis.mode == Analysis.Mode.COUNCIL,
        minimum_answers=analysis.minimum_answers,
        is_splittable=analysis.strategy == Analysis.Strategy.AUTO,
        output_tokens=analysis.parameters.get("max_tokens") or OUTPUT_TOKENS,
        windows={model: model_info(model).context_window for model in analysis.model_ids},
        seed=str(analysis.pk),
    )
