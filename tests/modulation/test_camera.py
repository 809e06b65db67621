import numpy as np

from akma_core.modulation.camera import transform

from .analyses import Song, modulation_of, trajectory_of

FRAMES = 90
SONG = Song(np.linspace(0, 1, FRAMES), [(1.0, 1.0), (2.0, 0.5)])


def test_the_transform_is_the_inverse_of_how_the_picture_moves() -> None:
    rng = np.random.default_rng(0)
    x, y, angle = rng.uniform(-2, 2, (3, 50))
    zoom = rng.uniform(0.5, 2, 50)
    got = transform(x, y, angle, zoom)
    assert got.dtype == np.float32
    for k in range(50):
        c, s, z = np.cos(angle[k]), np.sin(angle[k]), zoom[k]
        a = np.array([[z * c, -z * s, x[k]], [z * s, z * c, y[k]], [0, 0, 1]])
        assert np.abs(got[k] - np.linalg.inv(a)).max() < 1e-5


def test_resting_is_the_identity_exactly() -> None:
    zeros = np.zeros(3)
    assert np.array_equal(transform(zeros, zeros, zeros, zeros + 1), np.tile(np.eye(3, dtype=np.float32), (3, 1, 1)))


def test_speed_is_summed_and_hits_push_along_the_golden_angle() -> None:
    rows = (
        "constant -> camera.x 0.3 speed",
        "hit -> camera.x 0.1 golden decay=0.2",
        "hit -> camera.y 0.1 golden decay=0.2",
    )
    got = trajectory_of(modulation_of(*rows), SONG)(0, FRAMES).transform
    assert got is not None
    x, y = -got[:, 0, 2], -got[:, 1, 2]
    expected_x = 0.3 * np.arange(1, FRAMES + 1) / 30
    expected_y = np.zeros(FRAMES)
    for k, (at, strength) in enumerate(((30, 1.0), (60, 0.5))):
        d = np.arange(FRAMES) - at
        e = 0.1 * strength * np.where((d >= 0) & (d <= 36), np.exp(-d / 6), 0)
        angle = k * np.pi * (3 - np.sqrt(5))
        expected_x = expected_x + e * np.cos(angle)
        expected_y = expected_y + e * np.sin(angle)
    assert np.abs(x - expected_x).max() < 1e-6
    assert np.abs(y - expected_y).max() < 1e-6
