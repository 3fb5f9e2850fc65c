"""The bugs of a plan that the suite must catch: jobs that are not counted, or judged otherwise than by a runner."""

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
    Mutant(
        "a plan takes what was refused before for something new",
        ("tests/engine/test_plan.py",),
        shared=(Change("engine/plan/tasks.py", "Effect.STANDS if stands else Effect.BLOCKS", "Effect.BLOCKS"),),
    ),
    Mutant(
        "a plan counts a job that runs among those that wait",
        ("tests/engine/test_plan.py",),
        shared=(Change("engine/plan/survey.py", "if job.state is JobState.RUNNING:", "if False:"),),
    ),
    Mutant(
        "a plan compares with the config that came last, though nobody runs it",
        ("tests/store/contract/test_inspection.py",),
        sqlite=(
            Change(
                "store/sqlite/sql/declared_in_force.sql",
                "where r.alive and r.config = c.hash",
                "where r.config = c.hash",
            ),
        ),
        postgres=(
            Change(
                "store/postgres/sql/declared_in_force.sql",
                "c.hash = m.value where",
                "c.came = (select max(came) from kongflow.config) where",
            ),
        ),
    ),
]
