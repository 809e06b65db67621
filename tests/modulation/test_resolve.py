import pytest

from akma_core.errors import RequestError
from akma_core.modulation.grammar import line_of, parse_line
from akma_core.modulation.presets import Preset, find_preset
from akma_core.modulation.resolve import check_network, resolve, scale
from akma_core.settings import RenderSettings

from .analyses import modulation_of


@pytest.mark.parametrize(
    ("line", "strength", "expected"),
    [
        ("hit -> pull 0.3", 1.7, "hit -> pull 0.51"),
        ("hit -> pull 0.8", 2, "hit -> pull 1"),
        ("hit -> pull", 0.5, "hit -> pull 0.15"),
        ("hit -> walk.step 0.2", 2, "hit -> walk.step 0.4"),
        ("swing -> camera.angle range=-0.05,0.05", 2, "swing -> camera.angle range=-0.1,0.1"),
        ("loudness -> direction:walks 0.2 offset=0.1", 0.5, "loudness -> direction:walks 0.1 offset=0.05"),
        ("loudness -> walk.blend 0.7", 2, "loudness -> walk.blend 0.7"),
        ("hit -> psi 0.5", 0, "hit -> psi 0.5"),
        ("hit -> pull 0.3", 0, None),
    ],
)
def test_strength_scales_pulls_steps_directions_and_cameras(line: str, strength: float, expected: str | None) -> None:
    row = scale(parse_line(line, 1), strength)
    assert (row and line_of(row)) == expected


def test_akmas_own_parameters_stand_in_for_the_presets_loudness() -> None:
    rows = resolve(RenderSettings.parse({}), find_preset("pulse"), own_curve=True).rows
    assert line_of(rows[0]) == "curve -> walk.blend 1 power=1.3"
    assert line_of(rows[1]) == "loudness -> walk.top 0.5 window=9 polyorder=3 power=2"


def test_ones_own_rows_alone_keep_the_presets_walks() -> None:
    settings = RenderSettings.parse({"modulation": "kick -> exposure 0.1", "own_rows": True})
    modulation = resolve(settings, find_preset("pulse"), own_curve=False)
    assert [line_of(row) for row in modulation.rows] == ["kick -> exposure 0.1"]
    assert modulation.preset_rows == 0
    assert modulation.walk == find_preset("pulse").walk


def test_rows_come_after_the_presets() -> None:
    settings = RenderSettings.parse({"modulation": "kick -> exposure 0.1", "strength": "2"})
    rows = resolve(settings, find_preset("step"), own_curve=False).rows
    assert [row.target for row in rows] == ["walk.blend", "walk.bottom", "walk.step", "exposure"]
    assert rows[2].amount == 0.6


@pytest.mark.parametrize(
    "fields", [{"modulation": "hit -> pull"}, {"keys": "seed 1 at 2"}, {"loop": True}, {"preset": "pulse"}]
)
def test_original_knows_no_rows(fields: dict[str, object]) -> None:
    settings = RenderSettings.parse({"original": True, **fields})
    with pytest.raises(RequestError, match="which knows no rows, keys or loops"):
        resolve(settings, find_preset(settings.preset_name), own_curve=False)


def test_original_is_preset_akma_by_default() -> None:
    settings = RenderSettings.parse({"original": True})
    assert settings.preset_name == "akma"
    assert not resolve(settings, find_preset(settings.preset_name), own_curve=False).rows
    assert RenderSettings.parse({}).preset_name == "pulse"


def test_keys_and_loops_change_the_walks() -> None:
    plain = Preset(name="test")
    keyed = resolve(RenderSettings.parse({"keys": "seed 12 at 0:31 hold 2"}), plain, own_curve=False)
    assert (keyed.walk.top, keyed.walk.bottom) == ("keys", "keys")
    assert resolve(RenderSettings.parse({"loop": True}), plain, own_curve=False).walk.top == "loop"
    for fields, preset in (({"loop": True, "keys": "seed 1 at 0"}, plain), ({"loop": True}, find_preset("chapters"))):
        with pytest.raises(RequestError, match="loop"):
            resolve(RenderSettings.parse(fields), preset, own_curve=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hit -> camera.x", "modulation row 2 (hit -> camera.x): network lamp has no camera"),
        ("hit -> pull:coarse", "modulation row 2 (hit -> pull): network lamp has no rows of ws"),
        ("loudness -> class:1", "modulation row 2 (loudness -> class): network lamp has no classes to blend"),
        ("loudness -> time", "modulation row 2 (loudness -> time): network lamp has no motion of its own"),
    ],
)
def test_what_a_network_cannot_do_is_refused_by_name(line: str, message: str) -> None:
    modulation = modulation_of("hit -> pull", line)
    with pytest.raises(RequestError) as caught:
        check_network(modulation, [], "lamp")
    assert caught.value.message == message
    check_network(modulation, ["camera", "layers", "class", "time"], "lamp")
    if "class" in line:
        with pytest.raises(RequestError, match=r"class 1 does not exist: network lamp has 1$"):
            check_network(modulation, ["class"], "lamp", 1)
    club = resolve(RenderSettings.parse({}), find_preset("club"), own_curve=False)
    with pytest.raises(RequestError, match=r"^preset club row 4 \(kick -> pull\): network lamp has no rows of ws$"):
        check_network(club, [], "lamp")
