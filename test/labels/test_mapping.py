# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelClass, LabelSet, built_in_label_sets
from unet_seg_ros.labels.mapping import (
    LabelMapping,
    LabelMappingError,
    label_rows,
    load_mapping,
    mapping_between,
    mapping_by_name,
)

CARLA29 = LabelSet.load("carla29")
CAMVID11 = LabelSet.load("camvid11")
TOWN02 = LabelSet.load("town02")
BUILT_IN = ("camvid11", "carla13", "town02")


def label_set(name: str, *classes: str | tuple[str, ...]) -> LabelSet:
    """Build a label set from class names, or tuples of a name and its aliases."""
    named = [(item,) if isinstance(item, str) else item for item in classes]
    return LabelSet(
        name,
        tuple(
            LabelClass(id_, names[0], (id_, 0, 0), aliases=names[1:])
            for id_, names in enumerate(named)
        ),
    )


SOURCE = label_set("shapes", "Round", "Square", "Shadow", "Rest")
NETWORK = label_set("things", "Ball", "Plate", "Box", "No")
LABELS = {
    "Round": ["Ball", "Plate"],
    "Square": "Box",
    "Shadow": "ignore",
    "Rest": {"everything_but": ["Ball", "Plate"]},
}


def written(path: Path, **changes: object) -> Path:
    """Write a good mapping file from SOURCE to NETWORK, but for `changes`."""
    document = {"source": "shapes", "network": "things", "labels": LABELS, **changes}
    path.write_text(yaml.safe_dump(document))
    return path


def names(mapping: LabelMapping, label: str) -> set[str]:
    """Return the names of the classes that a label may be."""
    classes = mapping.classes[mapping.source.class_id(label)]
    return {mapping.network.names[class_id] for class_id in classes}


def test_a_file_says_what_each_label_may_be(tmp_path: Path) -> None:
    path = written(tmp_path / "shapes.yaml")
    mapping = load_mapping(path, SOURCE, NETWORK)
    assert names(mapping, "Round") == {"Ball", "Plate"}
    assert names(mapping, "Square") == {"Box"}
    assert names(mapping, "Rest") == {"Box", "No"}
    assert mapping.ignored == ("Shadow",)
    assert mapping.origin == str(path)


def test_the_table_has_a_row_for_every_label_id(tmp_path: Path) -> None:
    table = load_mapping(written(tmp_path / "shapes.yaml"), SOURCE, NETWORK).table
    assert table.shape == (256, 4)
    np.testing.assert_array_equal(
        table[:4].astype(int), [[1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1]]
    )
    assert table[4:].all(), "ids without a label say nothing"


def test_names_may_be_what_yaml_takes_for_something_else(tmp_path: Path) -> None:
    path = tmp_path / "no.yaml"
    path.write_text("{source: yes, network: things, labels: {On: No}}")
    assert names(load_mapping(path, label_set("yes", "On"), NETWORK), "On") == {"No"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({**LABELS, "Oval": "Ball"}, "label 'Oval': label set 'shapes' has no class 'Oval'"),
        ({**LABELS, "Round": "Bal"}, "label 'Round': label set 'things' has no class 'Bal'"),
        ({**LABELS, "Round": ["Ball", "Cup"]}, "label 'Round': .* has no class 'Cup'"),
        ({**LABELS, "Rest": {"everything_but": "Cup"}}, "label 'Rest': .* has no class 'Cup'"),
        ({"Round": "Ball", "Square": "Box"}, "has no entry for Shadow, Rest; say which"),
        ({**LABELS, "Round": []}, "label 'Round': may be no class at all"),
        ({**LABELS, "Round": ""}, "label 'Round': must be a class, a list of classes"),
        ({**LABELS, "Rest": {"everything_but": list(NETWORK.names)}}, "'Rest': may be no class"),
        ({**LABELS, "Rest": {"all_but": ["Ball"]}}, "label 'Rest': must be a class, a list"),
        ({**LABELS, "Rest": [["Ball"]]}, "label 'Rest': must be a class, a list of classes"),
        ({**LABELS, "round": "Ball"}, "label 'round': has two entries"),
        (["Ball"], "labels must have an entry for every label"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_and_label(
    tmp_path: Path, labels: object, message: str
) -> None:
    path = written(tmp_path / "wrong.yaml", labels=labels)
    with pytest.raises(LabelMappingError, match=rf"wrong\.yaml: .*{message}") as raised:
        load_mapping(path, SOURCE, NETWORK)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{source: shapes, network: things", "cannot be read as a label mapping: .* line 1"),
        ("labels: {Round: Ball, Round: Box}", "Round has two entries .*line 1"),
        ("- Ball", "must have the entries source, network and labels"),
        ("{source: shapes, network: things}", "must have the entries source, network and labels"),
        ("{source: colours, network: things, labels: {}}", "its source is not 'shapes'"),
        ("{source: shapes, network: [1], labels: {}}", "its network is not 'things'"),
    ],
)
def test_a_file_that_is_no_mapping_of_these_labels_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(LabelMappingError, match=rf"wrong\.yaml: .*{message}") as raised:
        load_mapping(path, SOURCE, NETWORK)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabelMappingError, match=r"wrong\.yaml: cannot be read"):
        load_mapping(path, SOURCE, NETWORK)


def test_by_name_a_wide_label_may_be_all_its_aliases() -> None:
    carla23 = LabelSet.load("carla23")
    mapping = mapping_by_name(carla23, CARLA29)
    assert names(mapping, "Building") == {"Building"}
    assert names(mapping, "Road") == {"Roads"}
    assert names(mapping, "Pedestrian") == {"Pedestrian", "Rider"}
    assert names(mapping, "Vehicle") == {"Car", "Truck", "Bus", "Train", "Motorcycle", "Bicycle"}
    assert mapping.ignored == ()


def test_by_name_a_narrow_label_is_the_class_that_it_is_an_alias_of() -> None:
    mapping = mapping_by_name(CARLA29, LabelSet.load("carla13"))
    assert names(mapping, "Truck") == names(mapping, "Bicycle") == {"Vehicle"}
    assert names(mapping, "Roads") == {"Road"}
    assert "GuardRail" in mapping.ignored


@pytest.mark.parametrize("name", built_in_label_sets())
def test_a_label_set_maps_to_itself(name: str) -> None:
    same = LabelSet.load(name)
    mapping = mapping_between(same, same)
    assert mapping.classes == tuple(frozenset({item.id}) for item in same.classes)


def test_label_sets_without_a_common_name_are_refused() -> None:
    with pytest.raises(LabelMappingError, match="'shapes' and 'things' have no class name in com"):
        mapping_by_name(SOURCE, NETWORK)


def test_a_file_goes_before_the_package_and_the_package_before_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    labels = dict.fromkeys(TOWN02.names, "ignore") | {"Road": "Roads"}
    path.write_text(yaml.safe_dump({"source": "town02", "network": "carla29", "labels": labels}))
    assert mapping_between(TOWN02, CARLA29, path).ignored == ("Other", "Sidewalk", "RoadLine")
    assert mapping_between(TOWN02, CARLA29).origin.endswith("town02_to_carla29.yaml")
    assert mapping_between(LabelSet.load("carla23"), CARLA29).origin == "names"


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_mappings_only_widen_what_the_names_say(name: str) -> None:
    source = LabelSet.load(name)
    mapping, by_name = mapping_between(source, CARLA29), mapping_by_name(source, CARLA29)
    assert mapping.origin != "names"
    assert mapping.ignored == ()
    for label in source.names:
        # CamVid was recorded in streets without rails.
        assert names(mapping, label) >= names(by_name, label) - {"Train"}, label


def test_coarse_labels_of_the_built_in_mappings() -> None:
    camvid = mapping_between(CAMVID11, CARLA29)
    assert names(camvid, "Road") == {"Roads", "RoadLine"}
    assert names(camvid, "Bicyclist") == {"Rider", "Bicycle", "Motorcycle"}
    town = mapping_between(TOWN02, CARLA29)
    assert names(town, "Other") == {*CARLA29.names} - {"Roads", "SideWalks", "RoadLine"}
    carla13 = mapping_between(LabelSet.load("carla13"), CARLA29)
    assert {"Sky", "Terrain", "Unlabeled"} <= names(carla13, "Unlabeled")
    assert not names(carla13, "Unlabeled") & {"Roads", "Building", "Car"}


def test_streets_of_other_countries_teach_the_classes_of_camvid() -> None:
    cityscapes = mapping_between(LabelSet.load("cityscapes34"), CAMVID11)
    assert names(cityscapes, "traffic light") == {"Sign"}
    assert names(cityscapes, "bus") == {"Car"}
    assert names(cityscapes, "rider") == names(cityscapes, "motorcycle") == {"Bicyclist"}
    assert {"static", "dynamic", "unlabeled"} <= set(cityscapes.ignored)
    idd = mapping_between(LabelSet.load("idd7"), CAMVID11)
    assert names(idd, "LivingThings") == {"Pedestrian", "Bicyclist"}
    assert not idd.ignored


def test_rows_begin_with_the_classes_of_the_network() -> None:
    rows = label_rows([mapping_between(CARLA29, CARLA29)])
    count = len(CARLA29)
    np.testing.assert_array_equal(rows.admissible[:count], np.eye(count, dtype=bool))
    assert rows.admissible[count:].all()
    np.testing.assert_array_equal(rows.tables[0][:count], np.arange(count))
    assert (rows.tables[0][count:] == UNKNOWN_ID).all()


def test_labels_that_mean_the_same_share_a_row() -> None:
    carla13 = LabelSet.load("carla13")
    sources = (CAMVID11, TOWN02, carla13)
    camvid, town, old = label_rows([mapping_between(item, CARLA29) for item in sources]).tables
    assert town[TOWN02.class_id("Road")] == old[carla13.class_id("Road")]
    assert camvid[CAMVID11.class_id("Tree")] == old[carla13.class_id("Vegetation")]
    assert camvid[CAMVID11.class_id("Road")] != town[TOWN02.class_id("Road")]


def test_labels_that_say_nothing_get_the_row_of_the_unknown(tmp_path: Path) -> None:
    labels = {**LABELS, "Rest": list(NETWORK.names)}
    path = written(tmp_path / "shapes.yaml", labels=labels)
    [table] = label_rows([load_mapping(path, SOURCE, NETWORK)]).tables
    assert table[:4].tolist() == [4, 2, UNKNOWN_ID, UNKNOWN_ID]
    assert table[UNKNOWN_ID] == UNKNOWN_ID


@given(
    st.lists(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=9), min_size=1, max_size=4)
)
def test_rows_say_of_every_label_what_its_mapping_says(
    data_sets: Sequence[Sequence[set[int]]],
) -> None:
    network = label_set("network", *"ABCDE")
    mappings = [
        LabelMapping(
            label_set("source", *(f"label {i}" for i in range(len(labels)))),
            network,
            tuple(frozenset(classes) for classes in labels),
            "names",
        )
        for labels in data_sets
    ]
    rows = label_rows(mappings)
    for mapping, table in zip(mappings, rows.tables, strict=True):
        np.testing.assert_array_equal(rows.admissible[table], mapping.table)


def test_more_than_255_rows_are_refused() -> None:
    network = label_set("network", *(f"class {i}" for i in range(250)))
    pairs = tuple(frozenset({i, i + 1}) for i in range(6))
    mapping = LabelMapping(label_set("source", *"ABCDEF"), network, pairs, "names")
    with pytest.raises(LabelMappingError, match="mean more than 255 different things"):
        label_rows([mapping])


def test_lawn_and_sky_of_an_old_simulator_have_one_tag_and_may_be_either(shared_data: Path) -> None:
    carla13 = LabelSet.load("carla13")
    pixels = cv2.imread(str(shared_data / "carla_pairs/tags13/0_ids.png"), cv2.IMREAD_COLOR)
    labels, _ = carla13.decode_tags(pixels, "bgr")
    lawn, sky = labels[539, 1045], labels[245, 490]
    assert carla13.names[lawn] == carla13.names[sky] == "Unlabeled"
    assert {"Terrain", "Sky"} <= names(mapping_between(carla13, CARLA29), "Unlabeled")
