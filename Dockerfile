# The command, its tools and a Dask client in one image: scheduler, worker and command run from it.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY abr abr
COPY encoder encoder
COPY ladders ladders
COPY shotladder shotladder
COPY shotladder_runtime shotladder_runtime
COPY vmaf vmaf
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/shotladder-*.whl)[cluster,parquet,s3,sftp]" && rm -rf /wheels
RUN useradd --create-home encoder
USER encoder
WORKDIR /home/encoder
# `docker run IMAGE encode SOURCE -o DIR`; `--entrypoint dask IMAGE scheduler` and `... worker ADDRESS` make a cluster
ENTRYPOINT ["shotladder"]
CMD ["--help"]
