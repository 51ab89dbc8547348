"""Make: sources, frames, chunks, tracks, DASH and HLS."""

from encoder.buffer import needed_buffer, needed_rate, track_samples
from encoder.chunks import ChunkJob, chunk_path, encode_chunk, memory_for, part_bits, payload_bits
from encoder.cluster import cluster_executor
from encoder.codec import Codec, Refinement
from encoder.codecs import CODECS, UnknownCodecError, codec_named
from encoder.encryption import PROTECTION_SCHEMES, ContentKey, Encryption, load_keys, new_keys, save_keys
from encoder.errors import (
    ClaimedError,
    ClusterError,
    JobsError,
    KeyFileError,
    MissingToolError,
    ProcessError,
    ShotladderError,
    SourceError,
    StitchError,
    StoreError,
    TrackError,
)
from encoder.farm import Farm, Job, LocalExecutor, Waiting, balanced, longest_first, run_all, side_by_side
from encoder.frames import Frame, decode
from encoder.inspection import inspect
from encoder.media_playlist import Packaged
from encoder.packaging import PackagingRequest, package
from encoder.plan import Chunk, EncodePlan, Rendition, Segment, plan_chunks
from encoder.process import stop_all
from encoder.pruning import Artefact, artefacts, prune
from encoder.source import AudioStream, Colour, HDRMetadata, Source, TextStream
from encoder.stitch import stitch, stitched_samples
from encoder.store import Store
from encoder.tools import ffmpeg_path, ffmpeg_version, packager_path, packager_version, require_encoder
from encoder.tracks import AUDIO_CODECS, AudioTrack, TextTrack, audio_codecs, encode_audio, extract_text
from encoder.whole_file import write_whole

__all__ = [
    "AUDIO_CODECS",
    "CODECS",
    "PROTECTION_SCHEMES",
    "Artefact",
    "AudioStream",
    "AudioTrack",
    "Chunk",
    "ChunkJob",
    "ClaimedError",
    "ClusterError",
    "Codec",
    "Colour",
    "ContentKey",
    "EncodePlan",
    "Encryption",
    "Farm",
    "Frame",
    "HDRMetadata",
    "Job",
    "JobsError",
    "KeyFileError",
    "LocalExecutor",
    "MissingToolError",
    "Packaged",
    "PackagingRequest",
    "ProcessError",
    "Refinement",
    "Rendition",
    "Segment",
    "ShotladderError",
    "Source",
    "SourceError",
    "StitchError",
    "Store",
    "StoreError",
    "TextStream",
    "TextTrack",
    "TrackError",
    "UnknownCodecError",
    "Waiting",
    "artefacts",
    "audio_codecs",
    "balanced",
    "chunk_path",
    "cluster_executor",
    "codec_named",
    "decode",
    "encode_audio",
    "encode_chunk",
    "extract_text",
    "ffmpeg_path",
    "ffmpeg_version",
    "inspect",
    "load_keys",
    "longest_first",
    "memory_for",
    "needed_buffer",
    "needed_rate",
    "new_keys",
    "package",
    "packager_path",
    "packager_version",
    "part_bits",
    "payload_bits",
    "plan_chunks",
    "prune",
    "require_encoder",
    "run_all",
    "save_keys",
    "side_by_side",
    "stitch",
    "stitched_samples",
    "stop_all",
    "track_samples",
    "write_whole",
]
