"""Make: sources, frames, chunks, tracks, DASH and HLS."""

from encoder.codecs.codec import Codec, EncoderOverride
from encoder.codecs.codec_table import get_codec, load_codecs
from encoder.encode.chunks import ChunkJob, chunk_path, encode_chunk, memory_for, part_bits, payload_bits
from encoder.encode.plan import Chunk, EncodePlan, Rendition, Segment, plan_chunks
from encoder.encode.stitch import stitch, stitched_samples
from encoder.encode.vbv import min_vbv_bitrate, min_vbv_size, track_samples
from encoder.errors import CodecFileError, KeyFileError, SourceError, StitchError, TrackError, UnknownCodecError
from encoder.media.frames import Frame, decode
from encoder.media.inspection import as_source, inspect
from encoder.media.source import AudioStream, Colour, HDRMetadata, Source, TextStream
from encoder.packaging.encryption import PROTECTION_SCHEMES, ContentKey, Encryption, load_keys, new_keys, save_keys
from encoder.packaging.hls_media_playlist import Packaged
from encoder.packaging.packager import PackagingRequest, package
from encoder.tracks.tracks import AUDIO_CODECS, AudioTrack, TextTrack, audio_codecs, encode_audio, extract_text

__all__ = [
    "AUDIO_CODECS",
    "PROTECTION_SCHEMES",
    "AudioStream",
    "AudioTrack",
    "Chunk",
    "ChunkJob",
    "Codec",
    "CodecFileError",
    "Colour",
    "ContentKey",
    "EncodePlan",
    "EncoderOverride",
    "Encryption",
    "Frame",
    "HDRMetadata",
    "KeyFileError",
    "Packaged",
    "PackagingRequest",
    "Rendition",
    "Segment",
    "Source",
    "SourceError",
    "StitchError",
    "TextStream",
    "TextTrack",
    "TrackError",
    "UnknownCodecError",
    "as_source",
    "audio_codecs",
    "chunk_path",
    "decode",
    "encode_audio",
    "encode_chunk",
    "extract_text",
    "get_codec",
    "inspect",
    "load_codecs",
    "load_keys",
    "memory_for",
    "min_vbv_bitrate",
    "min_vbv_size",
    "new_keys",
    "package",
    "part_bits",
    "payload_bits",
    "plan_chunks",
    "save_keys",
    "stitch",
    "stitched_samples",
    "track_samples",
]
