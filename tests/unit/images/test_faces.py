"""Faces are found where they are, and covered softly."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from nst.errors import NstError
from nst.images import faces, read_picture, resize

DATA = Path(__file__).parents[3] / "data"


def astronaut() -> np.ndarray:
    return (skimage.data.astronaut()[:320] / 255).astype(np.float32)


def contains(face: faces.Face, x: float, y: float) -> bool:
    return abs(face.x - x) < face.width / 2 and abs(face.y - y) < face.height / 2


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_photographed_face_is_found(mirrored):
    """Its eyes and mouth, read off the photograph, are in the box; the box is no larger than twice the face."""
    pixels = astronaut()
    [face] = faces.find(pixels[:, ::-1] if mirrored else pixels)
    for x, y in ((205, 102), (243, 102), (226, 140)):
        assert contains(face, 1 - x / 512 if mirrored else x / 512, y / 320)
    assert 60 < face.width * 512 < 130
    assert face.width * 512 == pytest.approx(face.height * 320)


def test_the_drawn_portrait_has_a_face():
    [face] = faces.find(read_picture(DATA / "content/portrait.jpg", long_side=384).pixels)
    assert contains(face, 0.33, 0.38)
    assert contains(face, 0.5, 0.38)


def test_a_profile_is_found():
    """The photographer's head, which looks to the right; only the profile cascade finds it."""
    gray = skimage.data.camera()[40:240, 100:320].astype(np.float32) / 255
    [face] = faces.find(np.repeat(gray[..., None], 3, 2))
    assert contains(face, 130 / 220, 110 / 200)


@pytest.mark.parametrize("name", ["lake", "harbour"])
def test_a_picture_without_people_has_no_face(name):
    """In the harbor, one frontal cascade finds a face; the other does not."""
    assert faces.find(read_picture(DATA / f"content/{name}.jpg").pixels) == []


def test_a_face_is_covered_with_hair_and_chin_and_fades_out():
    face = faces.Face(0.5, 0.4, 0.2, 0.4)  # a square box in an image twice as wide as high
    covered = faces.coverage([face], (100, 200))
    assert covered.dtype == np.float32
    assert (covered.min(), covered.max()) == (0, 1)
    assert covered[22:58, 100].min() == 1  # the box is 20 to 60, and the ellipse reaches beyond it
    assert covered[14, 100] == 1
    assert covered[0, 100] == covered[90, 100] == covered[40, 60] == covered[40, 140] == 0
    down = covered[40:, 100]
    assert (np.diff(down) <= 0).all()
    assert np.abs(np.diff(down)).max() < 0.2  # no hard edge
    np.testing.assert_allclose(covered[:, ::-1], covered, atol=1e-6)
    larger = faces.coverage([face], (400, 800))
    np.testing.assert_allclose(resize(larger, shape=(100, 200)), covered, atol=0.03)


def test_faces_that_overlap_do_not_count_twice():
    one, two = faces.Face(0.4, 0.5, 0.2, 0.2), faces.Face(0.5, 0.5, 0.2, 0.2)
    both = faces.coverage([one, two], (60, 60))
    np.testing.assert_array_equal(both, np.maximum(*(faces.coverage([face], (60, 60)) for face in (one, two))))
    assert faces.coverage([], (6, 5)).tolist() == np.zeros((6, 5)).tolist()


def test_without_opencv_the_message_tells_how_to_install_it(monkeypatch):
    monkeypatch.setattr(faces, "find_spec", lambda name: None)
    with pytest.raises(NstError, match=r"^protect: faces requires OpenCV; run `pip install 'opencv-python"):
        faces.find(astronaut())


def test_nothing_else_imports_opencv():
    code = "import sys, nst.api, nst.pair.stylize, nst.commands.grid, nst.images.faces; assert 'cv2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
