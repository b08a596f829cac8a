"""The FDI tables, surfaces, rules and locations."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apps.catalog import teeth
from apps.catalog.models import Act
from apps.core.errors import DomainError

# Written out by hand, one by one, as the standard lists them.
ALL_52 = (
    "11 12 13 14 15 16 17 18 21 22 23 24 25 26 27 28 31 32 33 34 35 36 37 38 41 42 43 44 45 46 47 48 "
    "51 52 53 54 55 61 62 63 64 65 71 72 73 74 75 81 82 83 84 85"
).split()


class TestTables:
    def test_hold_all_52_teeth_and_no_other(self):
        assert sorted(teeth.TEETH) == ALL_52
        assert len(teeth.PERMANENT) == 32
        assert len(teeth.DECIDUOUS) == 20
        pattern = re.compile(r"^([1-4][1-8]|[5-8][1-5])$")
        assert {f"{n:02}" for n in range(100) if pattern.match(f"{n:02}")} == set(ALL_52)

    def test_show_the_patient_s_right_on_the_left(self):
        assert " ".join(teeth.UPPER_ROW) == "18 17 16 15 14 13 12 11 21 22 23 24 25 26 27 28"
        assert " ".join(teeth.LOWER_ROW) == "48 47 46 45 44 43 42 41 31 32 33 34 35 36 37 38"
        assert " ".join(teeth.UPPER_DECIDUOUS_ROW) == "55 54 53 52 51 61 62 63 64 65"
        assert " ".join(teeth.LOWER_DECIDUOUS_ROW) == "85 84 83 82 81 71 72 73 74 75"

    @pytest.mark.parametrize(("milk", "permanent"), [("54", "14"), ("61", "21"), ("75", "35"), ("85", "45")])
    def test_know_which_tooth_follows_a_milk_tooth(self, milk, permanent):
        assert teeth.successor(milk) == permanent

    def test_permanent_teeth_have_no_successor(self):
        with pytest.raises(teeth.UnknownTooth):
            teeth.successor("11")

    @pytest.mark.parametrize(
        ("sextant", "members"),
        [
            ("03", "18 17 16 15 14 55 54"),
            ("04", "13 12 11 21 22 23 53 52 51 61 62 63"),
            ("05", "24 25 26 27 28 64 65"),
            ("06", "38 37 36 35 34 75 74"),
            ("07", "33 32 31 41 42 43 73 72 71 81 82 83"),
            ("08", "44 45 46 47 48 84 85"),
        ],
    )
    def test_divide_the_mouth_into_sextants(self, sextant, members):
        assert {t for t in teeth.TEETH if teeth.sextant_of(t) == sextant} == set(members.split())


class TestSurfaces:
    @pytest.mark.parametrize(
        ("tooth", "typed", "written"),
        [
            ("16", "dom", "MOD"),
            ("16", "B", "V"),
            ("16", "L", "P"),
            ("36", "LVDOM", "MODVL"),
            ("11", "O", "I"),
            ("11", "P,I V", "IVP"),
            ("55", "M-O", "MO"),
            ("83", "ML", "ML"),
            ("46", "MM", "M"),
            ("46", "", ""),
        ],
    )
    def test_are_written_one_way(self, tooth, typed, written):
        assert teeth.normalise_surfaces(tooth, typed) == written

    @pytest.mark.parametrize(
        ("tooth", "typed"), [("36", "P"), ("16", "I"), ("16", "X"), ("75", "I"), ("41", "P")]
    )
    def test_refuse_what_the_tooth_does_not_have(self, tooth, typed):
        with pytest.raises(teeth.UnknownSurface):
            teeth.normalise_surfaces(tooth, typed)

    @given(st.sampled_from(ALL_52), st.text(alphabet="MODVLPIBFmodv ,-", max_size=12))
    def test_normalising_twice_changes_nothing(self, tooth, typed):
        try:
            once = teeth.normalise_surfaces(tooth, typed)
        except DomainError:
            return
        assert teeth.normalise_surfaces(tooth, once) == once
        assert len(once) <= 5

    def test_every_tooth_has_five(self):
        assert all(len(teeth.surfaces_of(tooth)) == 5 for tooth in ALL_52)


class TestToothRule:
    @pytest.mark.parametrize(
        ("rule", "count", "inside", "outside"),
        [
            ("any", 52, "55", "99"),
            ("", 52, "11", "19"),
            ("permanent", 32, "48", "51"),
            ("deciduous", 20, "51", "11"),
            ("permanent:1-4", 16, "14", "26"),
            ("permanent:5", 4, "35", "34"),
            ("deciduous:4-5", 8, "75", "71"),
            ("14|24", 2, "24", "34"),
        ],
    )
    def test_names_the_allowed_teeth(self, rule, count, inside, outside):
        allowed = teeth.teeth_of(rule)
        assert len(allowed) == count
        assert inside in allowed
        assert outside not in allowed

    @pytest.mark.parametrize(
        "rule", ["all", "any:1-3", "permanent:8-1", "permanent:9", "14,24", "14|19", "|", "permanent:"]
    )
    def test_that_nobody_can_read_is_refused(self, rule):
        with pytest.raises(ValidationError):
            teeth.validate_tooth_rule(rule)


def act(**values) -> Act:
    return Act(**{"code": "TEST", "requires_tooth": "yes", "tooth_rule": "any", **values})


class TestCheckLocation:
    def test_returns_tooth_and_surfaces_as_written_by_the_house(self):
        assert teeth.check_location(act(max_surfaces=5), " 16 ", "dom") == ("16", "MOD")

    def test_asks_for_a_tooth(self):
        with pytest.raises(teeth.ToothRequired) as refusal:
            teeth.check_location(act())
        assert refusal.value.status == 400

    def test_refuses_a_number_that_is_no_tooth(self):
        with pytest.raises(teeth.UnknownTooth):
            teeth.check_location(act(), "19")

    @pytest.mark.parametrize(
        ("rule", "tooth"), [("permanent:1-4", "26"), ("permanent:6-8", "14"), ("14|24", "15")]
    )
    def test_refuses_a_tooth_outside_the_rule(self, rule, tooth):
        with pytest.raises(teeth.ToothNotAllowed) as refusal:
            teeth.check_location(act(tooth_rule=rule), tooth)
        assert refusal.value.details["tooth"] == tooth

    @pytest.mark.parametrize("surfaces", ["", "M", "MOD"])
    def test_refuses_too_few_and_too_many_surfaces(self, surfaces):
        with pytest.raises(teeth.SurfacesNotAllowed):
            teeth.check_location(act(min_surfaces=2, max_surfaces=2), "16", surfaces)

    def test_an_act_of_the_whole_mouth_has_no_tooth(self):
        whole = act(requires_tooth="no", tooth_rule="")
        assert teeth.check_location(whole) == ("", "")
        with pytest.raises(teeth.ToothNotAllowed):
            teeth.check_location(whole, "11")

    @pytest.mark.parametrize(
        ("location", "good", "bad"), [("arch", "02", "03"), ("sextant", "05", "01"), ("sextant", "08", "16")]
    )
    def test_takes_an_area_for_an_arch_or_a_sextant(self, location, good, bad):
        wide = act(requires_tooth=location, tooth_rule="")
        assert teeth.check_location(wide, good) == (good, "")
        with pytest.raises(teeth.ToothNotAllowed):
            teeth.check_location(wide, bad)
        with pytest.raises(teeth.ToothRequired):
            teeth.check_location(wide)
        with pytest.raises(teeth.SurfacesNotAllowed):
            teeth.check_location(wide, good, "M")
