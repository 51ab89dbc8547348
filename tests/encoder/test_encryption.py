"""Encrypted tracks decode to the original frames with the right keys only, and no key appears in an output."""

import contextlib
import json
import stat
from fractions import Fraction
from pathlib import Path

import av
import pytest

import encoder
from encoder import (
    ChunkJob,
    ContentKey,
    Encryption,
    KeyFileError,
    PackagingRequest,
    Rendition,
    inspect,
)
from encoder.packaging import packager
from encoder.packaging.encryption import load_keys, new_keys, packager_flags, save_keys
from shotladder_runtime.errors import ProcessError
from shotladder_runtime.process import run
from shotladder_runtime.store import Store
from shotladder_runtime.tools import packager_path
from tests.encoder.videos import beep, fetch_track, hashes_in, write_video

RUNG = Rendition("h264-64p-90k", "h264", 128, 64, "veryfast")
KEYS = {"VIDEO": ("a0" * 16, "b1" * 16), "AUDIO": ("c2" * 16, "d3" * 16)}
#: System ids (https://dashif.org/identifiers/content_protection).
COMMON, WIDEVINE, PLAYREADY = (
    "1077efec-c0b2-4d02-ace3-3c1e52e2fb4b",
    "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
    "9a04f079-9840-4286-ab92-e65be0885f95",
)


def audio_frames_in(path, key=None):
    with av.open(str(path), options={"decryption_key": key} if key else {}) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(audio=0)]


def key_file(folder, entries):
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": entries}))
    return path


@pytest.fixture(scope="module")
def title(tmp_path_factory):
    folder = tmp_path_factory.mktemp("title")
    source = inspect(write_video(folder / "video.mkv", 100, audio=(Fraction(0), beep(4, 1))))
    chunks, segments = encoder.plan_chunks(source, (0, 60), Fraction(2))
    jobs = [ChunkJob(source, chunk, (RUNG,), (30.0,), Store(folder / "store")) for chunk in chunks]
    for job in jobs:
        encoder.encode_chunk(job)
    track = folder / "track.mp4"
    encoder.stitch(source, chunks, [encoder.chunk_path(job, 0) for job in jobs], track, segments)
    audio_track = encoder.encode_audio(source, source.audio[0], Store(folder / "store"))
    return source, segments, [(RUNG, track)], [audio_track]


@pytest.fixture(scope="module", params=encoder.PROTECTION_SCHEMES)
def encrypted(request, title, tmp_path_factory):
    """The folder of an encrypted presentation, its keys, and the commands that were run for it."""
    folder = tmp_path_factory.mktemp(request.param)
    source, segments, tracks, audio = title
    keys = tuple(ContentKey(label, *pair) for label, pair in KEYS.items())
    argvs, texts = [], []

    def run_and_record(argv, **options):
        done = run(argv, **options)
        argvs.append(argv)
        texts.append(done.stdout + done.stderr.encode())
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packager, "run", run_and_record)
        packager.package(folder, source, segments, tracks, audio, [], PackagingRequest(Encryption(request.param, keys)))
    return request.param, folder, argvs, texts


def test_package_encrypts_tracks_that_decrypt_to_the_original(title, encrypted):
    _, _, [(_, track)], [audio_track] = title
    _, folder, _, _ = encrypted
    video, audio = (fetch_track(folder, name) for name in (f"video_{RUNG.id}.m3u8", "audio_und-aac.m3u8"))
    assert hashes_in(video, KEYS["VIDEO"][1]) == hashes_in(track)
    assert audio_frames_in(audio, KEYS["AUDIO"][1]) == audio_frames_in(audio_track.path)


def test_package_encrypts_tracks_that_do_not_decode_without_the_key(title, encrypted):
    _, _, [(_, track)], _ = title
    _, folder, _, _ = encrypted
    video, clear = fetch_track(folder, f"video_{RUNG.id}.m3u8"), hashes_in(track)
    for wrong in (None, KEYS["AUDIO"][1]):
        with contextlib.suppress(av.FFmpegError):
            assert not set(hashes_in(video, wrong)) & set(clear)


def test_packager_decrypts_to_the_original_frames(title, encrypted, tmp_path):
    _, _, [(_, track)], _ = title
    _, folder, _, _ = encrypted
    key_id, key = KEYS["VIDEO"]
    flags = tmp_path / "flags"
    flags.write_text(f"--enable_raw_key_decryption\n--keys=label=:key_id={key_id}:key={key}\n")
    fields = f"in={fetch_track(folder, f'video_{RUNG.id}.m3u8')},stream=video,out=clear.mp4"
    run([packager_path(), fields, "--flagfile", str(flags), "--quiet"], cwd=str(tmp_path))
    assert hashes_in(tmp_path / "clear.mp4") == hashes_in(track)


def test_package_writes_scheme_systems_and_key_ids_but_no_key(encrypted):
    scheme, folder, argvs, texts = encrypted
    mpd = (folder / "manifest.mpd").read_text()
    for system in (COMMON, WIDEVINE, PLAYREADY):
        assert f"urn:uuid:{system}" in mpd
    assert f'value="{scheme}"' in mpd
    for key_id, _ in KEYS.values():
        assert key_id in mpd.replace("-", "")
    for playlist in folder.glob("*.m3u8"):
        if playlist.name == "master.m3u8":
            continue
        tags = [line for line in playlist.read_text().splitlines() if line.startswith("#EXT-X-KEY")]
        method = {"cbcs": "METHOD=SAMPLE-AES,", "cenc": "METHOD=SAMPLE-AES-CTR,"}[scheme]
        assert tags and all(method in tag for tag in tags)
        assert any("com.apple.streamingkeydelivery" in tag for tag in tags) == (scheme == "cbcs")
        assert not any('"identity"' in tag for tag in tags)
    seen = [" ".join(argv).encode() for argv in argvs] + texts
    seen += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for _, key in KEYS.values():
        assert not [text for text in seen if key.encode() in text.lower() or bytes.fromhex(key) in text]


def test_package_encrypts_each_track_with_the_key_of_its_label(encrypted):
    _, folder, _, _ = encrypted
    video, audio = ((folder / name).read_bytes() for name in (f"video/{RUNG.id}/init.mp4", "audio/und-aac/init.mp4"))
    for init, label in ((video, "VIDEO"), (audio, "AUDIO")):
        # default_KID stands in the box tenc (ISO/IEC 23001-7, 8.2)
        tenc = init[init.index(b"tenc") :]
        assert tenc[12:28].hex() == KEYS[label][0]


def test_packager_flags_are_private_and_deleted_after_use():
    encryption = Encryption("cbcs", new_keys(), key_uri="skd://title")
    with packager_flags(encryption) as (flag,):
        path = Path(flag.removeprefix("--flagfile="))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert encryption.keys[0].key in path.read_text()
    assert not path.exists()
    assert not any(key.key in repr(encryption) for key in encryption.keys)


def test_package_reports_no_key_when_the_packager_fails(title, tmp_path):
    source, segments, [(rung, _)], _ = title
    encryption = Encryption("cbcs", new_keys())
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    with pytest.raises(ProcessError) as caught:
        packager.package(tmp_path, source, segments, [(rung, bad)], [], [], PackagingRequest(encryption))
    message = repr((caught.value.argv, caught.value.tail, str(caught.value)))
    assert not any(key.key in message for key in encryption.keys)


def test_package_leaves_the_clear_lead_unencrypted(title, tmp_path):
    source, segments, tracks, _ = title
    encryption = Encryption("cbcs", new_keys(), clear_lead=0.5)
    packaged = packager.package(tmp_path, source, segments, tracks, [], [], PackagingRequest(encryption))
    boxes = [b"senc" in (tmp_path / url).read_bytes() for url in packaged[0].urls]
    assert boxes == [False] + [True] * (len(boxes) - 1)


def test_save_keys_writes_a_private_file_and_never_overwrites(tmp_path):
    keys, path = new_keys(), tmp_path / "made" / "keys.json"
    save_keys(keys, path)
    assert load_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        save_keys(new_keys(), path)
    assert load_keys(path) == keys
    assert len({k.key for k in (*keys, *new_keys())} | {k.key_id for k in keys}) == 6


def test_load_keys_accepts_uuids_and_labels_of_sizes(tmp_path):
    entries = [{"label": "audio", "key_id": "00112233-4455-6677-8899-AABBCCDDEEFF", "key": "AA" * 16}]
    entries += [
        {"label": name, "key_id": f"{n:032x}", "key": f"{n + 99:032x}"} for n, name in enumerate(["SD", "VIDEO"])
    ]
    keys = load_keys(key_file(tmp_path, entries))
    assert keys[0] == ContentKey("AUDIO", "00112233445566778899aabbccddeeff", "aa" * 16)
    with packager_flags(Encryption("cenc", keys)) as (flag,):
        line = next(line for line in Path(flag.split("=", 1)[1]).read_text().splitlines() if "--keys" in line)
    assert f"label=SD:key_id={0:032x}:" in line
    assert f"label=HD:key_id={1:032x}:" in line
    assert "VIDEO" not in line


AUDIO = {"label": "AUDIO", "key_id": "00" * 16, "key": "ab" * 16}


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([AUDIO], "no key for HD, SD, UHD1, UHD2"),
        ([AUDIO, AUDIO, {**AUDIO, "label": "VIDEO"}], "two keys with the same label"),
        ([{**AUDIO, "label": "sound"}], r"\$.keys\[0\].label: unknown label \(choose from AUDIO, VIDEO"),
        ([{**AUDIO, "label": "ab" * 16}], r"\$.keys\[0\].label: unknown label"),
        ([AUDIO, {**AUDIO, "key": "ab" * 15}], r"\$.keys\[1\].key: the key of AUDIO is not 32 hexadecimal digits"),
        ([{"label": "AUDIO"}], r"is not a file of keys, .*missing required field `key_id` - at `\$.keys\[0\]`"),
        ([{**AUDIO, "key": 1}], r"is not a file of keys, .*Expected `str`, got `int` - at `\$.keys\[0\].key`"),
        ("keys", r"is not a file of keys, .*Expected `array`, got `str` - at `\$.keys`"),
    ],
)
def test_load_keys_names_the_place_of_a_fault_and_no_key(tmp_path, entries, reason):
    with pytest.raises(KeyFileError, match=reason) as caught:
        load_keys(key_file(tmp_path, entries))
    assert "abab" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_keys_refuses_files_that_are_not_key_files(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_keys(tmp_path / "none.json")
    (tmp_path / "text.json").write_bytes(b"\xff\xfe")
    with pytest.raises(KeyFileError, match="is not a file of keys"):
        load_keys(tmp_path / "text.json")
    (tmp_path / "long.json").write_text(" " * 100_001)
    with pytest.raises(KeyFileError, match="it has 100001 bytes"):
        load_keys(tmp_path / "long.json")
