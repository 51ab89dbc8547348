"""The files that start a cluster: valid by the schemas of Kubernetes, and with options that Dask knows."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
#: Version of Kubernetes whose schemas are used.
VERSION = "1.30"


@pytest.mark.parametrize(
    "document", KUBERNETES, ids=lambda document: f"{document['kind']} {document['metadata']['name']}"
)
def test_kubernetes_manifest_is_valid_by_schema(document):
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(document, VERSION, strict=True)


def containers():
    """Yield every container of the manifest, and every service of the compose file."""
    for document in KUBERNETES:
        if document["kind"] in ("Deployment", "Job"):
            yield from document["spec"]["template"]["spec"]["containers"]
    yield from yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()


def test_deployments_select_their_own_pods_and_their_service():
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in KUBERNETES if d["kind"] == "Deployment"]
    selectors = [d["spec"]["selector"]["matchLabels"] for d in KUBERNETES if d["kind"] == "Deployment"]
    assert labels == selectors
    assert next(d for d in KUBERNETES if d["kind"] == "Service")["spec"]["selector"] in labels


def test_containers_start_dask_and_the_command_with_options_that_exist():
    from distributed.cli import dask_scheduler, dask_worker

    from shotladder.commands import encode

    commands = {"scheduler": dask_scheduler.main, "worker": dask_worker.main, "encode": encode.command}
    checked = set()
    for container in containers():
        words = [
            str(word) for word in container.get("command") or container.get("entrypoint") or container.get("args", ())
        ]
        name = words[1] if words[:1] == ["dask"] else words[0] if words else None
        if name is None:
            continue
        known = {text for p in commands[name].params for text in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known
        checked.add(name)
    assert checked == set(commands)


def test_compose_services_share_one_image_and_depend_on_services_that_exist():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert len({service["image"] for service in services.values()}) == 1
    assert {name for service in services.values() for name in service.get("depends_on", ())} <= set(services)


def test_dockerfile_copies_every_package():
    text = (REPOSITORY / "Dockerfile").read_text()
    packages = {path.parent.name for path in REPOSITORY.glob("*/py.typed")}
    assert packages <= set(re.findall(r"^COPY (\w+) \w+$", text, re.MULTILINE))
