"""The six templates: exact subjects, every field in both bodies, nothing that a value could break."""

import pytest
from jinja2 import UndefinedError

from catalog.mail.rendering import render

CASES = [
    ("welcome", {"name": "Ada"}, "✨ Welcome to Trigger.dev!"),
    ("magic_link", {"magicLink": "https://app.example.com/m/1"}, "Magic sign-in link for Trigger.dev"),
    (
        "invite",
        {
            "orgName": "Engines",
            "inviterName": "Grace",
            "inviterEmail": "grace@example.com",
            "inviteLink": "https://app.example.com/i/1",
        },
        "You've been invited to join Engines on Trigger.dev",
    ),
    (
        "connect_integration",
        {"workflowId": "new-orders", "integration": "Slack"},
        "Action required: you need to connect to Slack",
    ),
    ("workflow_failed", {"workflowId": "new-orders"}, "Action required: your workflow has stopped running!"),
    (
        "workflow_integration",
        {"workflowId": "new-orders", "integration": "GitHub"},
        "Action required: connect GitHub to start your workflow",
    ),
]


@pytest.mark.parametrize(("template", "fields", "subject"), CASES, ids=[case[0] for case in CASES])
def test_a_template_has_its_subject_and_every_field_in_both_bodies(template, fields, subject):
    rendered = render(template, fields)

    assert rendered.subject == subject
    for value in fields.values():
        assert value in rendered.text
        assert value in rendered.html


@pytest.mark.parametrize(("template", "fields", "subject"), CASES, ids=[case[0] for case in CASES])
def test_lines_are_short_enough_to_travel_without_being_encoded(template, fields, subject):
    rendered = render(template, fields)

    assert max(len(line) for line in (rendered.text + rendered.html).splitlines()) <= 78
    assert rendered.text.endswith("\n")


def test_optional_names_may_be_missing():
    assert "Hello," in render("welcome", {}).text
    invitation = {"orgName": "Engines", "inviterEmail": "grace@example.com", "inviteLink": "https://e.example/"}
    assert "grace@example.com\nwould like you to join" in render("invite", invitation).text


def test_a_missing_field_is_an_error_and_never_an_empty_place():
    with pytest.raises(UndefinedError, match="workflowId"):
        render("workflow_failed", {})


def test_values_are_escaped_in_html_and_stand_as_they_are_in_text_and_subject():
    fields = {"workflowId": "<script>x</script>", "integration": "A & B"}

    rendered = render("connect_integration", fields)

    assert "<script>" not in rendered.html
    assert "&lt;script&gt;" in rendered.html
    assert "A &amp; B" in rendered.html
    assert "<script>x</script>" in rendered.text
    assert rendered.subject == "Action required: you need to connect to A & B"


def test_a_link_cannot_leave_its_attribute():
    html = render("magic_link", {"magicLink": 'https://e.example/" onclick="x'}).html

    assert 'onclick="' not in html


def test_a_value_is_never_a_template_itself():
    assert "{{ 7 * 7 }}" in render("welcome", {"name": "{{ 7 * 7 }}"}).text
