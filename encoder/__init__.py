"""Make: sources, frames, chunks, tracks, DASH and HLS."""

from encoder.codecs.codec import EFFORTS, Codec, EncoderOverride
from encoder.codecs.codec_table import get_codec, load_codecs
from encoder.dynamic_hdr.dynamic_metadata import DynamicMetadata, RenditionMetadata, read_dynamic_metadata
from encoder.encode.chunks import ChunkJob, chunk_path, count_part_bits, encode_chunk, estimate_memory
from encoder.encode.plan import Chunk, EncodePlan, Rendition, Segment, plan_chunks
from encoder.encode.stitch import read_stitched_samples, stitch
from encoder.encode.vbv import min_vbv_bitrate, min_vbv_size, read_track_samples
from encoder.errors import CodecFileError, KeyFileError, SourceError, StitchError, TrackError, UnknownCodecError
from encoder.media.frames import Frame, decode
from encoder.media.inspection import as_source, inspect
from encoder.media.source import AudioStream, Colour, HDRMetadata, Source, SubtitleStream
from encoder.packaging.encryption import PROTECTION_SCHEMES, ContentKey, Encryption, load_keys, new_keys, save_keys
from encoder.packaging.hls_media_playlist import PackagedTrack
from encoder.packaging.mux import mux
from encoder.packaging.packager import PackagingRequest, package
from encoder.tracks.audio import AUDIO_CODECS, AudioTrack, choose_audio_codecs, encode_audio
from encoder.tracks.subtitles import SubtitleTrack, extract_subtitles

__all__ = [
    "AUDIO_CODECS",
    "EFFORTS",
    "PROTECTION_SCHEMES",
    "AudioStream",
    "AudioTrack",
    "Chunk",
    "ChunkJob",
    "Codec",
    "CodecFileError",
    "Colour",
    "ContentKey",
    "DynamicMetadata",
    "EncodePlan",
    "EncoderOverride",
    "Encryption",
    "Frame",
    "HDRMetadata",
    "KeyFileError",
    "PackagedTrack",
    "PackagingRequest",
    "Rendition",
    "RenditionMetadata",
    "Segment",
    "Source",
    "SourceError",
    "StitchError",
    "SubtitleStream",
    "SubtitleTrack",
    "TrackError",
    "UnknownCodecError",
    "as_source",
    "choose_audio_codecs",
    "chunk_path",
    "count_part_bits",
    "decode",
    "encode_audio",
    "encode_chunk",
    "estimate_memory",
    "extract_subtitles",
    "get_codec",
    "inspect",
    "load_codecs",
    "load_keys",
    "min_vbv_bitrate",
    "min_vbv_size",
    "mux",
    "new_keys",
    "package",
    "plan_chunks",
    "read_dynamic_metadata",
    "read_stitched_samples",
    "read_track_samples",
    "save_keys",
    "stitch",
]
