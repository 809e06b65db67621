"""Which encoder a plan gets: NVENC on a GPU that has it, x264 otherwise. Nothing here needs a GPU."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from akma_core.cli.main import main
from akma_core.errors import RequestError
from akma_core.media.encoder import NVENC, PRESETS, X264, Encoder, choose
from akma_core.media.segment import SegmentWriter
from akma_core.networks.card import NetworkCard
from akma_core.render.plan import RenderPlan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from tests.support.clips import Doubled, make_clip
from tests.support.media import encoder, moving
from tests.support.songs import reader

CPU = DevicePart(kind="cpu", dtype="float32", batch=1)
CUDA = DevicePart(kind="cuda", dtype="float16", batch=8)
CARD = NetworkCard(name="net", kind="stylegan3", config={}, width=64, height=64, weights_sha256="a" * 64)


def opens(settings: dict[str, str]) -> str:
    """What opening NVENC with these options ends in: its class name; "" where it opens."""
    context: Any = av.CodecContext.create(NVENC, "w")
    encoder(codec=NVENC, preset="p4", side=256).configure(context)
    context.options = settings
    try:
        context.open()
    except av.FFmpegError as error:
        return type(error).__name__
    return ""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Encoder]:
    """NVENC opens, for 4096 pixels and less a side; the encoders that were tried."""
    tried: list[Encoder] = []

    def check(self: Encoder) -> None:
        tried.append(self)
        if self.codec == NVENC and max(self.width, self.height) > 4096:
            raise RequestError("too large")

    monkeypatch.setattr(Encoder, "check", check)
    return tried


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As here but where there is no NVENC, whatever this machine has."""
    actual = Encoder.check

    def check(self: Encoder) -> None:
        if self.codec == NVENC:
            with self.opening():
                raise av.PermissionError(1, "no libcuda")
        actual(self)

    monkeypatch.setattr(Encoder, "check", check)


def plan(device: DevicePart = CUDA, **fields: Any) -> RenderPlan:
    return make_plan(RenderSettings.parse(fields), reader(2), "5" * 64, CARD, device)


@pytest.mark.parametrize("quality", [{"crf": 16.5}, {"bit_rate": 400_000}])
def test_every_option_is_one_that_ffmpeg_knows(quality: dict[str, Any]) -> None:
    """Nonsense is refused for an option that there is, before a GPU is looked for; others are passed over."""
    context: Any = av.CodecContext.create(NVENC, "w")
    encoder(codec=NVENC, preset="p4", side=256, **quality).configure(context)
    options = context.options
    assert opens(options) != "ArgumentError", "its values are known"
    for name in options:
        assert opens({name: "nonsense"}) == "ArgumentError", name
    assert opens({"no-such-option": "nonsense"}) != "ArgumentError"
    assert ("cq" in options) == ("crf" in quality)
    assert (context.max_b_frames, context.gop_size, context.pix_fmt) == (0, 120, "yuv420p")
    assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
    assert context.bit_rate == quality.get("bit_rate", context.bit_rate)
    for preset in PRESETS[NVENC]:
        assert opens({"preset": preset}) != "ArgumentError"


def test_presets_belong_to_their_codec() -> None:
    assert encoder().by(NVENC).by(X264) == encoder()
    with pytest.raises(RequestError, match="p1, p2"):
        encoder(codec=NVENC)
    with pytest.raises(RequestError, match="ultrafast"):
        encoder(preset="p4")


@pytest.mark.parametrize(
    ("wish", "gpu", "codec"),
    [
        ("auto", True, NVENC),
        ("auto", False, X264),
        ("x264", True, X264),
        ("nvenc", True, NVENC),
        ("nvenc", False, NVENC),
    ],
)
def test_the_choice_where_nvenc_opens(here: list[Encoder], wish: str, gpu: bool, codec: str) -> None:
    assert choose(encoder(), wish, gpu=gpu).codec == codec
    assert choose(encoder().by(NVENC), wish, gpu=gpu).codec == codec
    assert all(tried.codec == NVENC for tried in here)
    assert len(here) == 2 * (codec == NVENC), "opened once, and only where it may be wanted"


@pytest.mark.usefixtures("missing")
def test_the_choice_where_nvenc_does_not_open() -> None:
    for gpu in (True, False):
        assert choose(encoder(), "auto", gpu=gpu) == choose(encoder(), "x264", gpu=gpu) == encoder()
        with pytest.raises(RequestError, match=r"NVENC does not open for 64x64 .*--encoder x264") as caught:
            choose(encoder(), "nvenc", gpu=gpu)
        assert (caught.value.field, caught.value.code) == ("encoder", "no_encoder")


def test_the_plan_says_which(here: list[Encoder]) -> None:
    by_nvenc = plan()
    assert (by_nvenc.encoder.codec, by_nvenc.encoder.preset) == (NVENC, "p4")
    assert RenderPlan.model_validate_json(by_nvenc.model_dump_json()) == by_nvenc
    by_x264 = plan(encoder="x264")
    assert by_x264.encoder.codec == plan(CPU).encoder.codec == X264
    assert by_x264.digest != by_nvenc.digest
    assert plan(encoder="nvenc").digest == by_nvenc.digest
    assert plan(size="8192x64").encoder.codec == X264, "larger than NVENC takes"
    assert here


@pytest.mark.usefixtures("missing")
def test_without_nvenc_nothing_changes() -> None:
    assert plan().digest == plan(encoder="x264").digest
    assert plan(CPU).digest == plan(CPU, encoder="x264").digest
    assert set(plan(CPU).encoder.model_dump()) == {"codec", "preset", "crf", "bit_rate", "threads", "gop"}
    with pytest.raises(RequestError, match="--encoder x264"):
        plan(encoder="nvenc")


def test_a_manifest_of_nvenc_is_rendered_again_where_there_is_none(
    here: list[Encoder], request: pytest.FixtureRequest
) -> None:
    made = plan()
    assert made.replayed(CUDA) is made
    assert made.replayed(CUDA, "x264").encoder.codec == X264
    assert plan(CPU).replayed(CPU, "auto").encoder.codec == X264
    request.getfixturevalue("missing")
    again = made.replayed(CPU)
    assert again.encoder == plan(CPU).encoder
    assert again.notes[-1] == "encoded again by libx264, not h264_nvenc: it loses other details"
    with pytest.raises(RequestError, match="--encoder x264"):
        made.replayed(CPU, "nvenc")
    assert here


@pytest.mark.skipif(opens({}) == "", reason="NVENC opens here")
def test_a_worker_that_cannot_open_the_plans_encoder_says_so(tmp_path: Path) -> None:
    settings = encoder().by(NVENC)
    with pytest.raises(RequestError, match="NVENC does not open"):
        settings.check()
    with (
        pytest.raises(RequestError, match="NVENC does not open"),
        SegmentWriter(tmp_path / "a.mp4", settings) as segment,
    ):
        segment.write(moving(1))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(opens({}) != "", reason="NVENC does not open here")
def test_nvenc_itself(tmp_path: Path) -> None:
    settings = encoder(side=256, gop=20).by(NVENC)
    files = []
    for name, count in (("a", 50), ("b", 50), ("c", 7)):
        with SegmentWriter(tmp_path / name, settings) as segment:
            segment.write(moving(count, 256))
        files.append(tmp_path / name)
    assert files[0].read_bytes() == files[1].read_bytes()
    headers = set()
    for path, count in zip(files, (50, 50, 7), strict=True):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            headers.add(stream.codec_context.extradata)
            packets = [packet for packet in container.demux(stream) if packet.size]
        assert [packet.dts for packet in packets] == [packet.pts for packet in packets]
        assert [k for k, packet in enumerate(packets) if packet.is_keyframe] == list(range(0, count, 20))
    assert len(headers) == 1


@pytest.mark.usefixtures("missing")
def test_through_the_commands(
    network: Path, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runners.realesrgan.open_upscaler", lambda *_, **__: Doubled())
    clip = make_clip(tmp_path / "clip.mp4", frames=2, fps=Fraction(24))
    render = ["render", str(song), "--model", str(network), "--fps", "2", "-o", str(tmp_path / "a.mp4")]
    upscale = ["upscale", str(clip), "-o", str(tmp_path / "out")]
    for command in (render, upscale):
        assert main([*command, "--encoder", "nvenc"]) == 2
        assert "NVENC does not open" in (said := capsys.readouterr().err)
        assert said.count("\n") == 1
        assert main([*command, "--encoder", "h265"]) == 2
        assert "encoder" in capsys.readouterr().err
        assert main([*command, "--encoder", "x264"]) == 0
        capsys.readouterr()
        assert main(command) == 0
        assert "is done already" in capsys.readouterr().out, "auto is x264 here"
