"""The parameters: building a world, what is refused and how it is said, and the schema."""

import re

import pytest

from undertow.envs.world import NULLS, PRESETS, WorldParameters, altered, world


def numeric_fields(model=WorldParameters, path=()):
    """(path, schema) of every number in the model."""
    schema = model.model_json_schema()

    def walk(node, path):
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        if node.get("type") == "object":
            for name, child in node["properties"].items():
                yield from walk(child, (*path, name))
        elif node.get("type") in ("number", "integer"):
            yield ".".join(path), node

    return list(walk(schema, path))


NUMBERS = dict(numeric_fields())


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def value_at(parameters, path):
    for name in path.split("."):
        parameters = getattr(parameters, name)
    return parameters


# --- building -------------------------------------------------------------------------------------


@pytest.mark.parametrize("null", [None, *NULLS])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_and_null_is_a_valid_world(preset, null):
    assert isinstance(world(preset, null), WorldParameters)


def test_the_default_world_has_the_default_of_every_field():
    assert world() == WorldParameters()


def test_a_null_is_applied_to_the_preset_and_overrides_to_both():
    vulnerable = PRESETS["vulnerable"]["population"]
    built = world(
        "vulnerable",
        "no_extremity_pull",
        {"population": {"news_sd": 0.25}, "appraisal": {"falsehood": 0.125}},
    )
    assert built.population.news_sd == 0.25
    assert built.population.news_mean == vulnerable["news_mean"]
    assert built.appraisal.extremity_pull == 0.0
    assert built.appraisal.falsehood == 0.125
    assert built.appraisal.taste == world().appraisal.taste


def test_a_null_changes_only_what_it_names():
    for null, changes in NULLS.items():
        expected = altered(world("vulnerable"), changes)
        assert world("vulnerable", null) == expected != world("vulnerable")


def test_altered_keeps_the_rest_and_the_original():
    before = world("vulnerable", overrides={"calendar": {"days": 3}})
    after = altered(before, {"calendar": {"slots_per_day": 4}, "placebo": "yoked"})
    assert (after.calendar.days, after.calendar.slots_per_day, after.calendar.slots) == (3, 4, 12)
    assert after.population == before.population
    assert before.calendar.slots_per_day != 4
    assert altered(before, {}) == before
    with pytest.raises(ValueError, match=r"calendar\.days"):
        altered(before, {"calendar": {"days": 0}})


def test_parameters_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        world().calendar.days = 3


def test_a_world_survives_being_written_down():
    built = world("vulnerable", "no_habit", {"objective": {"growth": 0.5}})
    assert WorldParameters.model_validate_json(built.model_dump_json()) == built


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides, parts",
    [
        ({"colour": 1}, ["colour", "not permitted", "input_value=1"]),
        ({"watching": {"minuts": 3}}, ["watching.minuts", "not permitted", "input_value=3"]),
        ({"watching": {"minutes": "long"}}, ["watching.minutes", "valid number", "'long'"]),
        ({"watching": {"minutes": None}}, ["watching.minutes", "valid number", "None"]),
        ({"watching": 3}, ["watching", "valid dictionary", "input_value=3"]),
        ({"catalogue": {"items": 5.5}}, ["catalogue.items", "valid integer", "5.5"]),
        ({"habit": {"enabled": "maybe"}}, ["habit.enabled", "valid boolean", "'maybe'"]),
        ({"habit": {"gain": float("nan")}}, ["habit.gain", "finite number", "nan"]),
        ({"habit": {"gain": float("inf")}}, ["habit.gain", "finite", "inf"]),
        ({"placebo": "sugar"}, ["placebo", "'none', 'yoked' or 'yoked_logs'", "'sugar'"]),
    ],
)
def test_a_refusal_names_the_key_what_was_found_and_what_is_allowed(overrides, parts):
    with pytest.raises(ValueError) as refused:
        world(overrides=overrides)
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_is_refused_below_and_above_its_range(path):
    schema = NUMBERS[path]
    step = 1 if schema["type"] == "integer" else 0.001
    for bound, word in (("minimum", "greater"), ("maximum", "less")):
        limit = schema[bound]
        outside = limit - step if bound == "minimum" else limit + step
        shown = str(limit) if schema["type"] == "integer" else f"{limit:g}"
        with pytest.raises(ValueError) as refused:
            world(overrides=nested(path, outside))
        message = str(refused.value)
        assert re.search(rf"^{re.escape(path)}$", message, re.MULTILINE)
        assert f"{word} than or equal to {shown}" in message
        assert f"input_value={outside}" in message


@pytest.mark.parametrize("wrong", [True, "5"], ids=["a truth value", "text"])
def test_a_number_is_not_made_of_something_else(wrong):
    with pytest.raises(ValueError, match=r"watching\.minutes"):
        world(overrides={"watching": {"minutes": wrong}})


@pytest.mark.parametrize("wrong", ["yes", 1])
def test_a_switch_is_not_made_of_something_else(wrong):
    with pytest.raises(ValueError, match=r"habit\.enabled"):
        world(overrides={"habit": {"enabled": wrong}})


@pytest.mark.parametrize("preset, null", [("defualt", None), ("default", "no_habits")])
def test_an_unknown_preset_or_null_is_answered_with_those_there_are(preset, null):
    with pytest.raises(ValueError) as refused:
        world(preset, null)
    wrong, known = (null, NULLS) if null else (preset, PRESETS)
    assert f"found {wrong!r}; allowed: {', '.join(known)}" in str(refused.value)


@pytest.mark.parametrize(
    "duration, longest, fitting, slot",
    [(0.0, 120, 12, "110.769"), (0.1, 144, 10, "130.909"), (1.0, 144, 10, "130.909")],
)
def test_a_session_must_fit_in_a_slot(duration, longest, fitting, slot):
    """20 x 1.5 x 4 minutes, and a fifth more where an item's duration counts."""
    session = {"minutes": 20.0, "habit": 0.5, "longest": 4.0, "duration": duration}
    assert world(overrides={"watching": session, "calendar": {"slots_per_day": fitting}})
    with pytest.raises(ValueError, match=f"{longest} min does not fit in a slot of {slot} min"):
        world(overrides={"watching": session, "calendar": {"slots_per_day": fitting + 1}})


def test_there_must_be_an_item_for_each_topic():
    assert world(overrides={"catalogue": {"items": 9}, "population": {"topics": 9}})
    with pytest.raises(ValueError, match=r"catalogue\.items = 9 is below population\.topics = 10"):
        world(overrides={"catalogue": {"items": 9}, "population": {"topics": 10}})


# --- schema ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_has_a_unit_a_source_and_a_description(path):
    assert NUMBERS[path]["unit"] and NUMBERS[path]["source"] and NUMBERS[path]["description"]


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_has_a_default_inside_its_range(path):
    schema = NUMBERS[path]
    assert schema["minimum"] <= value_at(world(), path) <= schema["maximum"]


def test_overrides_in_the_place_of_a_name_are_refused_as_such():
    with pytest.raises(ValueError, match=r"world null: found {'calendar': .*; allowed: no_ext"):
        world("default", {"calendar": {"days": 3}})
    with pytest.raises(ValueError, match=r"world preset: found {}; allowed: default"):
        world({})
