"""The bugs of `kongflow plan` that the suite must catch: jobs that are left out, or are said to be well."""

from tests.mutants.mutant import Change, Mutant

PLAN_MUTANTS = [
    Mutant(
        "a plan leaves out jobs between two pages",
        ("tests/store/contract/test_inspection.py",),
        sqlite=(Change("store/sqlite/sql/live_page.sql", "id > :after", "id > :after + 1"),),
        postgres=(Change("store/postgres/sql/live_page.sql", "id > :after", "id > :after + 1"),),
    ),
    Mutant(
        "a plan does not check what jobs of a renamed task become",
        ("tests/engine/test_plan.py",),
        shared=(Change("engine/plan/survey.py", "self._look_at_routed(job, grave.renamed_to)", "pass"),),
    ),
    Mutant(
        "a plan says that what is refused is forgiven",
        ("tests/core/test_refusals.py",),
        shared=(Change("core/schema.py", "if not _is_forgivable(error)]", "if False]"),),
    ),
]
