import numpy as np
import pytest

from swarmnas.errors import SettingError
from swarmnas.reports import cell_figure, cell_picture, write_cell_picture
from swarmnas.spaces import ChoiceSpace, available_genotypes, create, named_genotype

DARTS = create("darts")


def labels(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", ["nasbench201", "darts", "darts-s1", "darts-s4"])
def test_every_kept_edge_and_every_node_is_drawn(name):
    space = create(name)
    genotype = space.random_genotype(np.random.default_rng(0))
    drawn = labels(cell_figure(space, genotype))
    for operation in {choice.operation for _, part in genotype.cells for choice in part}:
        assert drawn.count(operation) == genotype.count(operation)
    for cell in space.cells.values():
        assert set(map(str, range(cell.num_nodes))) <= set(drawn)
        assert ("out" in drawn) == (cell.output == "concat")


def test_no_two_labels_of_a_cell_share_a_place():
    for name in available_genotypes():
        for axes in cell_figure(DARTS, named_genotype(name)).axes:
            places = [text.get_position() for text in axes.texts]
            assert len(set(places)) == len(places)


def test_a_chain_is_drawn():
    space = ChoiceSpace("mobile", layers=[("k3", "k5")] * 3)
    genotype = space.decode({"layers": np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])})
    assert [text for text in labels(cell_figure(space, genotype)) if text[0] == "k"] == [
        "k5",
        "k3",
        "k5",
    ]


def test_same_genotype_same_bytes_and_the_ending_says_the_format(tmp_path):
    genotype = named_genotype("PC_DARTS_cifar")
    assert cell_picture(DARTS, genotype) == cell_picture(DARTS, genotype)
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for ending, start in starts.items():
        path = tmp_path / "deep" / f"cell.{ending.upper()}"
        write_cell_picture(DARTS, genotype, path)
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("space", "ending", "message"),
    [
        (DARTS, "jpg", r"one of .svg, .png, .pdf; got .jpg"),
        (DARTS, "", r"one of .svg"),
        (create("darts-s2"), "svg", "space 'darts'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(space, ending, message):
    with pytest.raises(SettingError, match=message):
        cell_picture(space, named_genotype("DARTS_V1"), ending)


def test_a_picture_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    genotype = named_genotype("DARTS_V2")
    with pytest.raises(SettingError, match="expected to read and write here"):
        write_cell_picture(create("darts"), genotype, tmp_path / "file" / "cell.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
