"""Loading: which files are read, what stands in the way of a catalog, and what is never loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kongflow.config.load import load, load_catalog
from kongflow.errors import ConfigUnreadable, InvalidConfig
from tests.config.projects import catalog_of, load_project, slugs, write

INCLUDING = "version: 1\ninclude: [catalog/*.yaml]\n"


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigUnreadable, match=r"there is no .*kongflow.yaml; `kongflow init` writes one"):
        load(tmp_path / "kongflow.yaml", env={})


def test_a_directory_is_no_configuration(tmp_path):
    with pytest.raises(ConfigUnreadable, match="is a directory; name the file in it"):
        load(tmp_path, env={})


def test_included_files_are_read_in_order_and_each_once(tmp_path):
    files = {f"catalog/{name}.yaml": f"queues: {{{name[-1]}: {{}}}}" for name in ("b", "a", "sub/c")}
    config = "version: 1\ninclude: ['catalog/*.yaml', 'catalog/a.yaml', 'catalog/**/*.yaml']"

    assert list(catalog_of(tmp_path, config, files).queues.queues) == ["a", "b", "c"]


def test_hidden_files_are_not_included(tmp_path):
    files = {"catalog/a.yaml": "queues: {a: {}}", "catalog/.b.yaml": "queues: {b: {}}"}

    assert list(catalog_of(tmp_path, INCLUDING, files).queues.queues) == ["a"]


def test_a_link_that_leads_out_of_the_project_is_not_followed(tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text("queues: {a: {}}")
    (tmp_path / "project/catalog").mkdir(parents=True)
    (tmp_path / "project/catalog/a.yaml").symlink_to(outside)
    (tmp_path / "project/schema.json").symlink_to(outside)
    task = "tasks: {work: {handler: tasks.work, payload: schema.json}}"

    assert slugs(load_project(tmp_path / "project", INCLUDING + task)) == ["path-escape"]
    assert slugs(load_project(tmp_path / "project", f"version: 1\n{task}")) == ["schema-outside-project"]


def test_a_link_that_leads_the_database_or_a_secret_out_of_the_project_is_a_choice(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/out").symlink_to(tmp_path)
    config = "version: 1\ndatabase: {url: sqlite:///out/x.db}\nsecrets: {a: {file: out/token}}"

    assert load_project(tmp_path / "project", config).findings == ()


def test_an_absolute_path_of_a_database_or_secret_is_a_choice(tmp_path):
    config = f"version: 1\ndatabase: {{url: sqlite:///{tmp_path}/x.db}}\nsecrets: {{a: {{file: {tmp_path}/token}}}}"

    assert load_project(tmp_path / "project", config).findings == ()


def test_a_link_to_the_configuration_keeps_the_project_where_the_link_is(tmp_path):
    real = tmp_path / "data/real.yaml"
    real.parent.mkdir()
    real.write_text(INCLUDING)
    write(tmp_path / "project", {"catalog/a.yaml": "queues: {a: {}}"})
    (tmp_path / "project/kongflow.yaml").symlink_to(real)

    assert load(tmp_path / "project/kongflow.yaml", env={}).catalog.root == tmp_path / "project"


def test_a_link_that_leads_nowhere_is_one_finding(tmp_path):
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/a.yaml").symlink_to(tmp_path / "gone.yaml")

    loaded = load_project(tmp_path, INCLUDING)

    assert [(found.slug, found.line, found.col) for found in loaded.findings] == [("file-unreadable", 2, 11)]


@pytest.mark.parametrize("config", ["include: [l.yaml]", "include: ['l*.yaml']", "include: ['**/l.yaml']"])
def test_a_symlink_loop_that_is_included_is_a_finding(tmp_path, config):
    (tmp_path / "l.yaml").symlink_to("l.yaml")

    assert slugs(load_project(tmp_path, f"version: 1\n{config}")) == ["file-unreadable"]


@pytest.mark.parametrize("payload", ["loop.json", "{$ref: loop.json}", "deep/loop.json"])
def test_a_symlink_loop_as_a_schema_is_a_finding(tmp_path, payload):
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "deep").symlink_to("deep")
    task = f"tasks: {{work: {{handler: tasks.work, payload: {payload}}}}}"

    assert slugs(load_project(tmp_path, f"version: 1\n{task}")) == ["file-unreadable"]


def test_a_symlink_loop_on_the_way_to_the_configuration_is_no_configuration(tmp_path):
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(ConfigUnreadable, match="cannot be read: Too many levels of symbolic links"):
        load(tmp_path / "loop/kongflow.yaml", env={})


@pytest.mark.parametrize("name", ["a\\u0000b.json", "a%00b.json", "\\ud800.json"])
def test_a_name_that_no_file_can_have_is_a_finding(tmp_path, name):
    task = "version: 1\ntasks: {work: {handler: tasks.work, payload: schema.json}}"

    loaded = load_project(tmp_path, task, {"schema.json": f'{{"$ref": "{name}"}}'})

    assert slugs(loaded) == ["file-unreadable"]


@pytest.mark.parametrize(
    ("config", "slug"),
    [
        ("include: [nope.yaml]", "include-not-found"),
        ("include: [nope/a.yaml]", "include-not-found"),
        ("tasks: {work: {handler: tasks.work, payload: sub/x.json}}", "schema-not-found"),
    ],
)
def test_a_folder_that_may_not_be_listed_gives_no_suggestion(tmp_path, monkeypatch, config, slug):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    path = write(tmp_path, {"kongflow.yaml": f"version: 1\n{config}", "sub/y.json": "{}"})
    monkeypatch.setattr(os, "listdir", refuse)

    assert slugs(load(path, env={})) == [slug]


def test_links_in_a_circle_are_walked_once(tmp_path):
    files = {"a/one.yaml": "queues: {one: {}}", "a/b/two.yaml": "queues: {two: {}}"}
    path = write(tmp_path, {"kongflow.yaml": "version: 1\ninclude: ['**/*.yaml']", **files})
    for name in ("l1", "l2", "b/up"):
        (tmp_path / "a" / name).symlink_to(tmp_path / "a")
    path.write_text("version: 1\ninclude: ['*/**/*.yaml', 'a/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*.yaml']")

    assert sorted(load(path, env={}).catalog.queues.queues) == ["one", "two"]


def test_a_link_to_a_folder_is_followed_once_and_never_out_of_the_project(tmp_path):
    files = {"shared/tasks/one.yaml": "queues: {one: {}}", "catalog/sub/two.yaml": "queues: {two: {}}"}
    path = write(tmp_path / "project", {"kongflow.yaml": "version: 1\ninclude: ['catalog/**/*.yaml']", **files})
    (tmp_path / "project/catalog/linked").symlink_to(tmp_path / "project/shared")
    (tmp_path / "project/catalog/twice").symlink_to(tmp_path / "project/shared")

    assert sorted(load(path, env={}).catalog.queues.queues) == ["one", "two"]

    write(tmp_path / "outside", {"kongflow.yaml": "version: 1", "deep/three.yaml": "queues: {three: {}}"})
    (tmp_path / "project/catalog/out").symlink_to(tmp_path / "outside")
    assert slugs(load(path, env={})) == ["path-escape"]


def test_a_name_in_a_file_that_cannot_be_read_is_not_missed(tmp_path):
    task = "tasks: {work: {handler: tasks.work, queue: mail, retry: patient}}"

    assert slugs(load_project(tmp_path, INCLUDING + task, {"catalog/a.yaml": "queues: {mail: "})) == ["yaml-syntax"]
    assert slugs(load_project(tmp_path, f"version: 1\nquues: {{mail: {{}}}}\n{task}")) == ["unknown-key"]
    assert slugs(load_project(tmp_path, f"version: 1\nqueues: [mail]\n{task}")) == ["wrong-type"]


def test_a_value_that_failed_its_shape_causes_no_second_finding(tmp_path):
    config = """
version: 1
queues: {mail: {concurrency: none}, "a b": {}}
retry_policies: {patient: {factor: x}}
runner: {heartbeat: 10s, lease: soon}
tasks:
  one: {handler: tasks.work, queue: mail, retry: patient}
  two: {handler: 5, queue: "a b"}
  old: {renamed_to: two}
"""
    loaded = load_project(tmp_path, config)

    assert [(found.slug, found.line) for found in loaded.findings] == [
        ("wrong-type", 3),
        ("name-invalid", 3),
        ("wrong-type", 4),
        ("duration-invalid", 5),
        ("wrong-type", 8),
    ]


def test_files_are_shown_from_the_working_directory(tmp_path, monkeypatch):
    path = write(tmp_path / "deploy", {"kongflow.yaml": INCLUDING, "catalog/a.yaml": "x: 1"})

    monkeypatch.chdir(tmp_path)
    assert [found.file for found in load(path, env={}).findings] == ["deploy/catalog/a.yaml"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert [found.file for found in load(path, env={}).findings] == [str(tmp_path / "deploy/catalog/a.yaml")]


def test_an_absolute_path_is_loaded_from_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    path = write(tmp_path / "project", {"kongflow.yaml": "version: 1\ntaks: {}"})
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert [found.file for found in load(path, env={}).findings] == [str(path)]


# --- what is an error ------------------------------------------------------------------------------------------------


def test_an_invalid_configuration_raises_its_report(tmp_path):
    path = write(tmp_path, {"kongflow.yaml": "version: 1\ntaks: {}"})

    with pytest.raises(
        InvalidConfig, match=r"(?s)2:1: error\[unknown-key\].*2 \| taks.*\^\^\^\^.*did you mean 'tasks'"
    ):
        load_catalog(path, {})


def test_warnings_give_a_catalog_unless_they_are_strict(tmp_path):
    empty = {"catalog/a.yaml": "# later"}

    assert load_project(tmp_path, INCLUDING, empty).catalog is not None
    assert load_project(tmp_path, INCLUDING, empty, strict=True).catalog is None
    assert load_project(tmp_path, INCLUDING + "lint: {strict: true}", empty).catalog is None


def test_an_ignored_warning_is_not_shown_and_not_strict(tmp_path):
    ignoring = INCLUDING + "lint: {strict: true, ignore: [include-empty]}"

    assert load_project(tmp_path, ignoring, {"catalog/a.yaml": ""}).findings == ()


def test_without_the_environment_there_is_no_finding_and_no_catalog(tmp_path):
    runner = "runner: {lease: '${LEASE}', heartbeat: 30s, concurrency: '${N:-x}'}"
    config = f"version: 1\nname: ${{NAME}}\n{runner}"

    loaded = load_project(tmp_path, config, env={"N": "5"}, use_env=False)

    assert slugs(loaded) == ["env-type"]
    assert loaded.catalog is None


def test_without_the_environment_defaults_are_enough_for_a_catalog(tmp_path):
    loaded = load_project(tmp_path, "version: 1\nname: ${NAME:-shop}", env={"NAME": "other"}, use_env=False)

    assert loaded.catalog.name == "shop"


def test_the_rest_of_a_template_that_a_comma_cut_is_no_second_finding(tmp_path):
    task = "version: 1\nqueues: {{'*': {{}}}}\ntasks: {{work: {{handler: tasks.work, {}: << payload.a, b >>}}}}"

    assert slugs(load_project(tmp_path, task.format("queue"))) == ["template-syntax"]
    assert slugs(load_project(tmp_path, task.format("owner"))) == ["unknown-key"]


def test_a_schema_must_be_a_regular_file_with_a_possible_name(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    task = "version: 1\ntasks: {{work: {{handler: tasks.work, payload: {}}}}}"

    assert slugs(load_project(tmp_path, task.format("pipe.json"))) == ["file-unreadable"]
    assert slugs(load_project(tmp_path, task.format("a" * 5_000))) == ["file-unreadable"]
    assert slugs(load_project(tmp_path, task.format("tasks.py/schema.json"))) == ["schema-not-found"]


@pytest.mark.parametrize(
    ("schema", "column"),
    [
        ('{"$ref": "http://[bad"}', 10),
        ('{"$ref": 5}', 10),
        ('{"$ref": "schema.json"}', 10),
        ('{"$id": 5}', 9),
        ('{"const": "\\ud800"}', 1),
        ("5", 1),
    ],
)
def test_a_schema_that_cannot_be_one_is_a_finding_in_its_file(tmp_path, schema, column):
    task = "version: 1\ntasks: {work: {handler: tasks.work, payload: schema.json}}"

    loaded = load_project(tmp_path, task, {"schema.json": schema})

    assert [(found.slug, found.file, found.col) for found in loaded.findings] == [
        ("schema-invalid", str(tmp_path / "schema.json"), column)
    ]


# --- handlers --------------------------------------------------------------------------------------------------------


def test_a_finding_has_the_json_path_of_what_it_is_about(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = (
        'version: 1\nqueues: {"a:*": {concurency: 1}}\ntasks: {greet: {handler: broken.greet, payload: bad.json}}\n'
    )
    files = {"bad.json": '{"properties": {"name": {"type": "txt"}}}', "broken.py": "def greet(:\n"}

    loaded = load_project(tmp_path, config, files)

    assert {(found.slug, found.file, found.json_path) for found in loaded.findings} == {
        ("unknown-key", "kongflow.yaml", "$.queues['a:*'].concurency"),
        ("schema-invalid", "bad.json", "$.properties.name.type"),
        ("handler-syntax", "broken.py", ""),
    }


def test_validating_imports_no_handler(tmp_path):
    files = {"loud.py": "raise SystemExit('imported')\n\n\ndef work(payload): ...\n"}

    catalog_of(tmp_path, "version: 1\ntasks: {work: {handler: loud.work}}", files)

    assert "loud" not in sys.modules


def test_a_module_that_is_not_python_is_one_finding_at_its_place(tmp_path):
    files = {"broken.py": "x = 1\ndef work(payload:\n"}
    config = "version: 1\ntasks: {one: &a {handler: broken.work}, two: *a, three: {handler: broken.more}}"

    (found,) = load_project(tmp_path, config, files).findings

    assert (found.slug, found.file, found.line) == ("handler-syntax", str(tmp_path / "broken.py"), 2)
    assert [related.place.span.col for related in found.related] == [27, 67]  # an alias stands once


def test_many_tasks_of_one_missing_module_are_one_finding(tmp_path):
    tasks = "".join(f"  t{number}: {{handler: nowhere.f{number}}}\n" for number in range(100))

    (found,) = load_project(tmp_path, f"version: 1\ntasks:\n{tasks}").findings

    assert (found.slug, found.line, len(found.related)) == ("handler-module", 3, 5)
    assert found.related[-1].message == "the same here; and 94 more places"


# --- what is never loaded --------------------------------------------------------------------------------------------


def test_validate_imports_no_database_library(tmp_path):
    write(tmp_path, {"kongflow.yaml": "version: 1\ntasks: {work: {handler: tasks.work, payload: {type: object}}}"})
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from kongflow.cli.validate import command\nfrom kongflow.config.load import load\n"
        "assert load(Path('kongflow.yaml'), env={}).catalog is not None\n"
        "print(*sorted({'sqlalchemy', 'psycopg', 'sqlite3', 'alembic', 'asyncio', 'jsonschema'} & sys.modules.keys()))"
    )

    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert ran.stdout == "\n"


def test_without_the_c_parser_the_findings_are_the_same(tmp_path):
    script = (
        "import sys, yaml\n"
        "if sys.argv[1] == 'pure': del yaml.CSafeLoader\n"
        "from pathlib import Path\n"
        "from kongflow.config.load import load\n"
        "from kongflow.config.yaml_stream import Loader\n"
        "print(Loader.__name__, file=sys.stderr)\n"
        "for path in sorted(Path('err').glob('*.yaml')):\n"
        "    if not path.name.startswith('yaml-syntax'):\n"
        "        print(path, load(path, env={}).findings)\n"
    )
    golden = __file__.replace("test_load.py", "golden")

    pure, fast = (
        subprocess.run([sys.executable, "-c", script, kind], cwd=golden, capture_output=True, text=True, check=True)
        for kind in ("pure", "c")
    )

    assert (pure.stderr, fast.stderr) == ("SafeLoader\n", "CSafeLoader\n")
    assert pure.stdout == fast.stdout
