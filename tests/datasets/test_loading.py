"""Names, paths and every source; what is bad gets one line of ours."""

import contextlib
import gzip
import io
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from swarmnas.datasets import available, load
from swarmnas.errors import DataError, SettingError, SwarmNASError, UnknownNameError
from tests.shared_data import shared_file


def one_line(caught):
    return "\n" not in str(caught.value)


# Names


def test_names_are_listed_with_summaries():
    assert {"digits", "cifar10", "cifar100", "fashion-mnist"} <= set(available())
    assert all(available().values())


def test_an_unknown_name_gets_the_nearest_and_the_word_path():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'cifar10'\? .* A path to a \.npz"):
        load("cifar11")


@pytest.mark.parametrize("path", ["absent.npz", "some/where", "./digit"])
def test_a_path_to_nothing_is_said(path):
    with pytest.raises(DataError, match="got neither at this path"):
        load(path)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion-mnist"])
def test_what_is_not_there_is_asked_for_with_download(name, tmp_path):
    with pytest.raises(DataError, match=f"{name}: expected its files.* with --download") as caught:
        load(name, data_dir=tmp_path)
    assert one_line(caught)
    assert list(tmp_path.iterdir()) == []


# Digits


def test_digits_are_whole_balanced_and_always_the_same():
    data = load("digits")
    test = data.test()
    assert (len(data.train), len(test), data.num_classes) == (1442, 355, 10)
    assert data.augment == "crop"
    assert data.train.images.shape[1:] == (1, 8, 8)
    assert int(data.train.images.max()) == 255
    counts = np.bincount(test.labels)
    assert counts.max() - counts.min() <= 2
    other = load("digits", seed=7)
    assert torch.equal(other.test().images, test.images)
    assert torch.equal(other.train.images, data.train.images)
    train = {image.numpy().tobytes() for image in data.train.images}
    assert not any(image.numpy().tobytes() in train for image in test.images)


def test_size_subset_and_augmentation_can_be_set():
    data = load("digits", image_size=12, train_images=105, seed=1, augment="none")
    assert data.train.images.shape == (105, 1, 12, 12)
    assert data.test().images.shape == (355, 1, 12, 12)
    assert data.augment == "none"
    assert sorted(np.bincount(data.train.labels)) == [10] * 5 + [11] * 5
    assert not torch.equal(
        load("digits", train_images=100, seed=2).train.images,
        load("digits", train_images=100, seed=1).train.images,
    )
    for bad in ({"image_size": 0}, {"train_images": 9}, {"train_images": 1443}):
        with pytest.raises(SettingError, match=next(iter(bad))):
            load("digits", **bad)
    with pytest.raises(UnknownNameError, match="augment"):
        load("digits", augment="mirror")


# .npz


@pytest.mark.parametrize("shape", [(8, 8), (8, 6, 1), (8, 8, 3), (5, 9, 4)])
def test_npz_arrays_come_in_as_they_are(npz, shape):
    rng = np.random.default_rng(0)
    x_train = rng.integers(0, 256, (18, *shape), dtype=np.uint8)
    x_test = rng.integers(0, 256, (6, *shape), dtype=np.uint8)
    data = load(npz(x_train=x_train, x_test=x_test))
    channels = shape[2] if len(shape) == 3 else 1
    assert data.train.images.shape == (18, channels, *shape[:2])
    for images, source in ((data.train, x_train), (data.test(), x_test)):
        np.testing.assert_array_equal(
            images.images.permute(0, 2, 3, 1).numpy().reshape(source.shape), source
        )
    assert data.num_classes == 3
    assert data.augment == ("crop" if channels == 1 else "crop+flip")


def test_npz_test_images_are_not_unpacked_before_they_are_asked_for(npz):
    rng = np.random.default_rng(0)
    pixels = {"x_train": (18, 32, 32, 3), "x_test": (6, 32, 32, 3)}
    path = npz(**{k: rng.integers(0, 256, shape, dtype=np.uint8) for k, shape in pixels.items()})
    rotten = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("x_test.npy")
        end = member.header_offset + 30 + len(member.filename) + member.compress_size
    rotten[end - 40 : end - 10] = bytes(30)
    path.write_bytes(rotten)
    data = load(path, train_images=6, image_size=4)
    data.split(seed=0)
    assert data.mean
    with pytest.raises(DataError, match=r"own\.npz, x_test: expected a whole") as caught:
        data.test()
    assert one_line(caught)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"x_train": None}, "x_train: expected the keys x_train, y_train, x_test and y_test"),
        ({"y_test": None}, "y_test: expected the keys"),
        ({"x_train": np.zeros((18, 8, 8, 3))}, "x_train: expected uint8 .* got float64"),
        ({"x_train": np.zeros((18, 3, 8, 8), dtype=np.uint8)}, "channels last"),
        ({"x_train": np.zeros((18, 64), dtype=np.uint8)}, r"x_train: .* shape \(18, 64\)"),
        ({"x_train": np.zeros((0, 8, 8, 3), dtype=np.uint8)}, r"x_train: .* shape \(0, 8, 8, 3\)"),
        (
            {"x_test": np.zeros((6, 9, 9, 3), dtype=np.uint8)},
            r"x_test: expected shape \(N, 8, 8, 3",
        ),
        ({"y_train": np.zeros(18)}, "y_train: expected integers .* got float64"),
        ({"y_train": np.zeros(17, dtype=int)}, r"y_train: expected integers of shape \(18,\)"),
        ({"y_train": np.zeros((18, 1), dtype=int)}, r"y_train: .* of shape \(18, 1\)"),
        ({"y_train": np.arange(18) - 1}, "y_train: expected labels from 0, .* got -1 to 16"),
        ({"y_train": np.arange(18) + 1}, "y_train: expected labels .* 18; got 1 to 18"),
        ({"y_train": np.full(18, 2**63, dtype=np.uint64)}, "y_train: expected labels"),
        ({"y_train": np.repeat([0, 1, 3], 6)}, r"own\.npz: .* 0 to 3; got none of class 2"),
        ({"x_train": np.array([object()] * 18)}, "x_train: expected"),
        ({"y_train": np.array([object()] * 18)}, "y_train: expected a whole .npz archive of plain"),
    ],
)
def test_bad_npz_arrays_get_one_line_with_file_and_key(npz, changes, what):
    with pytest.raises(DataError, match=what) as caught:
        load(npz(**changes))
    assert "own.npz" in str(caught.value)
    assert one_line(caught)


def test_npz_test_labels_out_of_range_are_said_when_read(npz):
    data = load(npz(y_test=np.array([0, 1, 2, 3, 0, 0])))
    with pytest.raises(DataError, match=r"test split: expected labels 0 to 2, .* got 3"):
        data.test()


def test_a_torn_npz_is_said(npz):
    path = npz()
    whole = path.read_bytes()
    for share in (0, 0.1, 0.5, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"own\.npz, x_train: expected a whole") as caught:
            load(path)
        assert one_line(caught)


def test_an_array_that_would_fill_the_memory_is_refused_unopened(npz, tmp_path):
    path = npz()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**50, 8, 8, 3)}
    )
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bomb, "w") as archive:
        for name in source.namelist():
            content = header.getvalue() + bytes(100) if name == "x_train.npy" else source.read(name)
            archive.writestr(name, content)
    with pytest.raises(DataError, match="its header does not fit its content"):
        load(bomb)


def mutations(data):
    edit = st.tuples(st.integers(0, len(data)), st.integers(0, 8), st.binary(max_size=8))

    def apply(edits):
        changed = data
        for at, drop, put in edits:
            changed = changed[:at] + put + changed[at + drop :]
        return changed

    return st.binary(max_size=100) | st.lists(edit, min_size=1, max_size=3).map(apply)


def try_all(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(SwarmNASError):
            load(path).test()


fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(st.data())
def test_hostile_npz_files_give_only_our_errors(tmp_path, data):
    stored = io.BytesIO()
    pixels = np.arange(2 * 4, dtype=np.uint8).reshape(2, 2, 2)
    labels = np.array([0, 1])
    np.savez(stored, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    path = tmp_path / "hostile.npz"
    path.write_bytes(data.draw(mutations(stored.getvalue())))
    try_all(path)


@fuzz
@given(st.binary(max_size=80), st.sampled_from([1, 2, 3]))
def test_hostile_array_headers_give_only_our_errors(tmp_path, text, version):
    """The same behind a checksum that is right, so that NumPy's header reader sees it."""
    path = tmp_path / "hostile.npz"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY" + bytes((version, 0)) + size + text)
    try_all(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 2L, 2L), }\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2, 2), }\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-2, 2, 2), }\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (True, 2, 2), }\n",
        "(" * 500 + "\n",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2, 2, 2), }\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,\n",
        "{'descr': '|u1' \x00",
    ],
)
def test_odd_array_headers_give_only_our_errors(tmp_path, header):
    path = tmp_path / "hostile.npz"
    text = header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "x_train.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(8)
        )
    with pytest.raises(DataError, match="x_train") as caught:
        load(path)
    assert one_line(caught)


# IDX


def idx_bytes(array):
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


@pytest.fixture
def idx_folder(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (6, 8, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.array([0, 1, 2, 2, 1, 0], dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (3, 8, 5), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.array([2, 1, 0], dtype=np.uint8),
    }
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return tmp_path, arrays


def test_idx_files_come_in_as_they_are_packed_or_not(idx_folder):
    folder, arrays = idx_folder
    packed = load(folder)
    for name, array in arrays.items():
        (folder / f"{name}.gz").unlink()
        (folder / name.replace("-idx", ".idx")).write_bytes(idx_bytes(array))
    plain = load(str(folder))
    for data in (packed, plain):
        np.testing.assert_array_equal(data.train.images[:, 0], arrays["train-images-idx3-ubyte"])
        np.testing.assert_array_equal(data.train.labels, arrays["train-labels-idx1-ubyte"])
    np.testing.assert_array_equal(plain.test().images[:, 0], arrays["t10k-images-idx3-ubyte"])
    assert plain.augment == "crop"
    assert plain.num_classes == 3


def test_idx_test_files_are_not_opened_before_they_are_asked_for(idx_folder):
    folder, _ = idx_folder
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"rubbish")
    data = load(folder, image_size=8)
    data.split(seed=0)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: expected a whole IDX file"):
        data.test()


def test_bad_idx_files_get_one_line_with_the_file(idx_folder):
    folder, arrays = idx_folder
    path = folder / "train-images-idx3-ubyte.gz"
    raw = idx_bytes(arrays["train-images-idx3-ubyte"])
    for content in (
        b"",
        raw,
        gzip.compress(raw)[:-9],
        gzip.compress(raw[:-1]),
        gzip.compress(raw + b"x"),
        gzip.compress(raw[:10]),
        gzip.compress(b"\0\0\x0d\3" + raw[4:]),
        gzip.compress(raw[:4] + b"\xff" * 12 + raw[16:]),
        gzip.compress(raw[:4] + bytes(12) + raw[16:]),
    ):
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=r"train-images-idx3-ubyte\.gz: expected a whole"
        ) as caught:
            load(folder)
        assert one_line(caught)
    path.write_bytes(gzip.compress(idx_bytes(arrays["t10k-images-idx3-ubyte"])))
    with pytest.raises(DataError, match="expected 3 labels, one for each image; got 6"):
        load(folder)
    path.write_bytes(gzip.compress(raw))
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="expected the file t10k-labels-idx1-ubyte or"):
        load(folder)


@fuzz
@given(st.data())
def test_hostile_idx_files_give_only_our_errors(idx_folder, data):
    folder, arrays = idx_folder
    raw = idx_bytes(arrays["train-images-idx3-ubyte"])
    unpacked = data.draw(st.booleans())
    for old in folder.glob("train-images*"):
        old.unlink()
    content = data.draw(mutations(raw if unpacked else gzip.compress(raw)))
    (folder / f"train-images-idx3-ubyte{'' if unpacked else '.gz'}").write_bytes(content)
    try_all(folder)


# Folders of images


def paint(path, size=(6, 4), colour=(10, 20, 30), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    for split, number in (("train", 3), ("test", 1)):
        for label, name in enumerate(("cat", "dog")):
            for at in range(number):
                paint(root / split / name / f"{at}.png", colour=(100 * label, at, 50))
    return root


def test_a_folder_with_train_and_test_is_read(folder):
    (folder / "train" / "cat" / "notes.txt").write_text("mine")
    (folder / "train" / ".cache").mkdir()
    data = load(folder)
    assert data.class_names == ("cat", "dog")
    assert data.train.images.shape == (6, 3, 4, 6)
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.images[4, :, 0, 0].tolist() == [100, 1, 50]
    assert data.test().labels.tolist() == [0, 1]
    assert data.augment == "crop+flip"


def test_a_folder_of_classes_gets_a_test_split_that_no_seed_moves(tmp_path):
    for name in ("a", "b"):
        for at in range(10):
            paint(tmp_path / name / f"{at}.png", colour=(at, ord(name), 0))
    data, other = load(tmp_path), load(tmp_path, seed=5)
    assert np.bincount(data.train.labels).tolist() == [8, 8]
    assert np.bincount(data.test().labels).tolist() == [2, 2]
    assert torch.equal(data.test().images, other.test().images)
    everything = torch.cat([data.train.images, data.test().images])[:, :2, 0, 0]
    assert len({tuple(pixel) for pixel in everything.tolist()}) == 20


def test_grey_folders_have_one_channel_and_mixed_ones_three(folder):
    for path in folder.rglob("*.png"):
        paint(path, mode="L")
    grey = load(folder)
    assert grey.train.images.shape[1] == grey.test().images.shape[1] == 1
    assert grey.augment == "crop"
    paint(folder / "train" / "cat" / "9.png", mode="RGBA")
    assert load(folder).train.images.shape[1] == 3


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "bmp", "webp", "tif", "ppm"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_common_formats_are_read(tmp_path, ending, mode):
    for at in range(10):
        paint(tmp_path / "xy"[at % 2] / f"{at}.{ending}", colour=(60, 60, 60), mode=mode)
    assert load(tmp_path).train.images.float().mean() == pytest.approx(60, abs=2)


def test_several_sizes_need_image_size(folder):
    paint(folder / "train" / "dog" / "1.png", size=(9, 9))
    with pytest.raises(DataError, match=r"6x4 in 0\.png and 9x9 in 1\.png.*--image-size") as caught:
        load(folder)
    assert one_line(caught)
    data = load(folder, image_size=5)
    assert data.train.images.shape == (6, 3, 5, 5)
    assert data.test().images.shape == (2, 3, 5, 5)


def test_a_test_image_of_another_size_is_said(folder):
    for path in folder.glob("train/*/*.png"):
        paint(path, size=(4, 4))
    data = load(folder)
    with pytest.raises(DataError, match=r"0\.png: expected 4x4 pixels, as in training; got 6x4"):
        data.test()


def test_test_images_are_not_opened_before_they_are_asked_for(folder):
    (folder / "test" / "cat" / "0.png").write_bytes(b"rubbish")
    data = load(folder)
    data.split(seed=0)
    with pytest.raises(DataError, match=r"test.cat.0\.png: expected a whole image"):
        data.test()


def test_bad_folders_get_one_line(folder, tmp_path):
    whole = (folder / "train" / "dog" / "1.png").read_bytes()
    for content in (b"", b"rubbish", whole[:40], whole[:-30], b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        (folder / "train" / "dog" / "1.png").write_bytes(content)
        with pytest.raises(DataError, match=r"1\.png: expected a whole image") as caught:
            load(folder)
        assert one_line(caught)
    Image.fromarray(np.zeros((4, 6), dtype=np.uint16)).save(folder / "train" / "dog" / "1.png")
    with pytest.raises(DataError, match="pixels of kind I"):
        load(folder)
    paint(folder / "train" / "dog" / "1.png")

    (folder / "train" / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected at least one image of this class"):
        load(folder)
    (folder / "train" / "empty").rmdir()
    (folder / "test" / "fish").mkdir()
    with pytest.raises(DataError, match="the classes of train and no other; got fish"):
        load(folder)
    (folder / "test").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="a sub-folder train and a sub-folder test; got no test"):
        load(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="a sub-folder of images for each class, or IDX"):
        load(tmp_path / "nothing")
    paint(tmp_path / "nothing" / "1.png")
    with pytest.raises(DataError, match="got 1 images and no sub-folder"):
        load(tmp_path / "nothing")
    paint(tmp_path / "single" / "x" / "1.png")
    with pytest.raises(DataError, match="at least five images of a class"):
        load(tmp_path / "single")
    for number in range(2, 9):
        paint(tmp_path / "single" / "x" / f"{number}.png")
    with pytest.raises(DataError, match="at least two classes; got one class, 'x'"):
        load(tmp_path / "single")


@fuzz
@given(st.data())
def test_hostile_images_give_only_our_errors(folder, data):
    ending = data.draw(st.sampled_from(["png", "jpg", "bmp", "webp", "tif", "ppm"]))
    stored = io.BytesIO()
    Image.new("RGB", (6, 4), (1, 2, 3)).save(
        stored, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending)
    )
    path = folder / "train" / "cat" / f"9.{ending}"
    path.write_bytes(data.draw(mutations(stored.getvalue())))
    try_all(folder)
    path.unlink()


# torchvision


class Fetched:
    """Stands in for torchvision's CIFAR classes, whose files cannot be made by hand."""

    calls: list[dict] = []  # noqa: RUF012

    def __init__(self, root, *, train, download):
        self.calls.append({"root": root, "train": train, "download": download})
        num_images = 20 if train else 4
        self.data = np.arange(num_images * 32 * 32 * 3, dtype=np.uint8).reshape(-1, 32, 32, 3)
        self.targets = [at % 2 for at in range(num_images)]
        self.classes = ["cat", "dog"]


@pytest.mark.parametrize(("name", "kind"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_torchvision_is_asked_for_the_test_split_last(name, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(f"torchvision.datasets.{kind}", Fetched)
    monkeypatch.setattr(Fetched, "calls", [])
    data = load(name, download=True, data_dir=tmp_path)
    data.split(seed=0)
    assert Fetched.calls == [{"root": str(tmp_path), "train": True, "download": True}]
    assert data.class_names == ("cat", "dog")
    assert data.augment == "crop+flip"
    assert data.train.images[1, 2, 0, 1] == (32 * 32 * 3 + 3 + 2) % 256
    assert len(data.test()) == 4
    assert [call["train"] for call in Fetched.calls] == [True, False]


def test_a_failed_download_is_said(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.CIFAR10", unreachable)
    with pytest.raises(DataError, match="got no route to host"):
        load("cifar10", download=True, data_dir=tmp_path)


def test_altered_cifar_files_are_refused_before_they_are_read(tmp_path):
    home = tmp_path / "cifar-10-batches-py"
    home.mkdir()
    for name in [f"data_batch_{at}" for at in range(1, 6)] + ["test_batch", "batches.meta"]:
        (home / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(
        DataError, match=r"Dataset not found or corrupted\. Fetch them with --download"
    ):
        load("cifar10", data_dir=tmp_path)


def test_fashion_mnist_is_read_from_torchvisions_folder(idx_folder, tmp_path):
    source, arrays = idx_folder
    raw = tmp_path / "home" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in arrays:
        (raw / f"{name}.gz").write_bytes((source / f"{name}.gz").read_bytes())
    data = load("fashion-mnist", data_dir=tmp_path / "home")
    assert data.augment == "crop+flip"
    assert data.name == "fashion-mnist"
    np.testing.assert_array_equal(data.test().labels, arrays["t10k-labels-idx1-ubyte"])


# Real data


def test_real_cifar10_has_the_published_statistics():
    data = load(shared_file("cifar10.npz"))
    assert data.train.images.shape == (50_000, 3, 32, 32)
    np.testing.assert_allclose(data.mean, [0.49139968, 0.48215841, 0.44653091], atol=5e-8)
    np.testing.assert_allclose(data.std, [0.24703223, 0.24348513, 0.26158784], atol=5e-8)
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert np.bincount(data.test().labels).tolist() == [1000] * 10
    train, valid = data.split(seed=0)
    assert np.bincount(train.labels).tolist() == np.bincount(valid.labels).tolist() == [2500] * 10


def test_real_fashion_mnist_as_debian_installs_it():
    from pathlib import Path

    home = Path("/usr/share/datasets/fashion-mnist")
    if not home.is_dir():
        pytest.skip(f"needs {home}")
    data = load(home)
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test().labels).tolist() == [1000] * 10
