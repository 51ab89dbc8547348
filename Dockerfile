# The command, its tools and Dask in one image: scheduler, worker and command run from it, so that all have one ffmpeg.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY abr abr
COPY delivery delivery
COPY encoder encoder
COPY ladders ladders
COPY shotladder shotladder
COPY shotladder_runtime shotladder_runtime
COPY vmaf vmaf
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/shotladder-*.whl)[cluster,metrics,parquet,s3,sftp]" && rm -rf /wheels
RUN useradd --create-home encoder
USER encoder
WORKDIR /home/encoder
# `docker run IMAGE encode SOURCE -o DIR`; deploy/ starts the same image as `dask scheduler` and `dask worker`
ENTRYPOINT ["shotladder"]
CMD ["--help"]
