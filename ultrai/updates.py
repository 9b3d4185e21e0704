"""Updates: what was sent is written, and nothing else; and when it was."""

from typing import Any

from django.db.models import Model
from django.db.models.functions import Now


# For model serializers. DRF's update saves the whole row, and so takes back what somebody else,
# another request or the worker, has written since it was read. (No docstring: the schema would show
# it to clients.)
class SentColumnsMixin[M: Model]:
    def update(self, instance: M, validated_data: dict[str, Any]) -> M:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        if validated_data:
            columns = instance._meta.concrete_fields  # noqa: SLF001  public, by its documentation
            timestamps = [c.name for c in columns if getattr(c, "auto_now", False)]
            instance.save(update_fields=[*validated_data, *timestamps])
        return instance


class UpdatedAtQuerySet:
    """For querysets: `update()` says when it was, as `save()` does by `auto_now`."""

    def update(self, **values: Any) -> int:
        return int(super().update(**{"updated_at": Now(), **values}))  # type: ignore[misc]
