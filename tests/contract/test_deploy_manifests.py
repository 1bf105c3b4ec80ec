"""The compose file and the Kubernetes base: well formed, complete, and no more trusting than they must be."""

import importlib
import importlib.metadata
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from rx_runtime.grpc_server import LIVENESS
from rx_runtime.settings import ServiceSettings
from rx_runtime.sites import load_sites
from rxguard.__main__ import app
from rxguard.client.connect import SERVICES, connect
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "deploy/k8s/base"
OLDEST_KUBERNETES = "1.30"
NEWEST_KUBERNETES = kubernetes_validate.latest_version()
# Read as a file: the program that ships it wants another version of click than the locked one.
COMPOSE_SCHEMA = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
WRITTEN_BY_THE_IMAGE = {"RXGUARD_GRPC_ADDRESS", "RXGUARD_METRICS_ADDRESS"}


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@cache
def kustomization() -> dict[str, Any]:
    return yaml.safe_load((BASE / "kustomization.yaml").read_text())


@cache
def resources() -> list[dict[str, Any]]:
    return [one for name in kustomization()["resources"] for one in yaml.safe_load_all((BASE / name).read_text())]


def kind(wanted: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in resources() if one["kind"] == wanted}


def pods() -> dict[str, dict[str, Any]]:
    """Every pod template by the name of what makes it."""
    return {name: one["spec"]["template"] for name, one in (kind("Deployment") | kind("Job")).items()}


def settings_of(service: str) -> type[ServiceSettings]:
    """The one class of settings that the service declares."""
    module = importlib.import_module(f"rx_{service}.settings")
    declared = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one.__module__ == module.__name__
    ]
    assert len(declared) == 1, f"{module.__name__} declares {declared}"
    return declared[0]


def variables_of(service: str) -> tuple[set[str], set[str]]:
    """The environment variables that the service reads, and those among them that it needs."""
    fields = settings_of(service).model_fields
    names = {name: f"RXGUARD_{name.upper()}" for name in fields}
    return set(names.values()), {names[name] for name, field in fields.items() if field.is_required()}


def kubernetes_variables(service: str) -> set[str]:
    (container,) = pods()[service]["spec"]["containers"]
    maps = {one["name"]: one.get("literals", []) for one in kustomization()["configMapGenerator"]}
    from_maps = {
        literal.partition("=")[0]
        for source in container.get("envFrom", [])
        for literal in maps[source["configMapRef"]["name"]]
    }
    return from_maps | {one["name"] for one in container.get("env", [])}


def compose_variables(service: str) -> set[str]:
    return set(compose()["services"][service]["environment"])


def test_the_compose_file_follows_the_compose_specification():
    shipped = importlib.metadata.distribution("check-jsonschema").locate_file(COMPOSE_SCHEMA)
    schema = json.loads(Path(shipped).read_text())
    problems = Draft202012Validator(schema).iter_errors(compose())
    assert [f"{one.json_path}: {one.message}" for one in problems] == []


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
def test_every_manifest_follows_the_schema_of_its_kind(version: str):
    for one in resources():
        kubernetes_validate.validate(one, version, strict=True)


def test_every_file_of_the_base_is_part_of_it():
    used = {"kustomization.yaml", *kustomization()["resources"]}
    used |= {name for one in kustomization()["configMapGenerator"] for name in one.get("files", [])}
    assert {path.name for path in BASE.iterdir()} == used


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_built_started_and_scraped_in_both_places(service: str):
    started = compose()["services"][service]
    assert started["build"] == {"context": ".", "dockerfile": "services/Dockerfile", "args": {"SERVICE": service}}
    assert started["healthcheck"]["test"] == ["CMD", "python", "-m", "rx_runtime.probe", "127.0.0.1:50051"]
    (container,) = pods()[service]["spec"]["containers"]
    assert container["image"] == started["image"]
    assert {port["name"]: port["port"] for port in kind("Service")[service]["spec"]["ports"]} == {
        "grpc": 50051,
        "metrics": 9464,
    }


@pytest.mark.parametrize("variables", [compose_variables, kubernetes_variables])
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_settings_that_it_has_and_all_that_it_needs(service: str, variables: Any):
    known, needed = variables_of(service)
    given = variables(service)
    assert given - known == set()
    assert needed - given - WRITTEN_BY_THE_IMAGE == set()


@pytest.mark.parametrize("place", ["compose", "kubernetes"])
def test_the_job_that_creates_the_topics_is_a_command_of_the_program(place: str):
    if place == "compose":
        job, arguments = compose()["services"]["topics"], compose()["services"]["topics"]["command"]
    else:
        (job,) = pods()["topics"]["spec"]["containers"]
        arguments = job["args"]
    assert job["image"] == "rxguard/cli:0.1.0"
    assert "RXGUARD_KAFKA" in str(job)
    assert CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


def test_the_program_in_the_compose_file_knows_where_every_service_is():
    environment = compose()["services"]["cli"]["environment"]
    targets = {name: value for name, value in environment.items() if name.endswith("_TARGET")}
    assert targets == {f"RXGUARD_{service.upper()}_TARGET": f"{service}:50051" for service in SERVICES}
    assert connect(environment).targets.keys() == set(SERVICES)


def test_no_secret_has_a_default_and_each_is_named_in_the_example():
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)(?!\w|:\?set it in \.env\})", text)) == set()
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == set(re.findall(r"\$\{(\w+)", text))
    assert re.findall(r"^\w+=.+$", example, re.MULTILINE) == []


def test_every_port_of_the_compose_file_is_open_to_this_machine_alone():
    ports = [port for one in compose()["services"].values() for port in one.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert len(ports) == len(set(ports))


def test_every_image_is_pinned():
    images = [one["image"] for one in compose()["services"].values()]
    images += [container["image"] for pod in pods().values() for container in pod["spec"]["containers"]]
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


@pytest.mark.parametrize("service", [*SERVICES, "topics", "cli"])
def test_containers_of_ours_can_write_nowhere_and_gain_nothing(service: str):
    started = compose()["services"][service]
    assert started["read_only"] is True
    assert started["cap_drop"] == ["ALL"]
    assert started["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [*SERVICES, "topics"])
def test_every_pod_meets_the_restricted_security_standard(name: str):
    spec = pods()[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == name
    assert kind("ServiceAccount")[name]["automountServiceAccountToken"] is False
    assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec) == set()
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} <= {"emptyDir", "configMap"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_the_namespace_enforces_the_restricted_security_standard():
    labels = kind("Namespace")["rxguard"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_sends_calls_to_a_ready_service_and_kills_only_one_that_answers_nothing(service: str):
    (container,) = pods()[service]["spec"]["containers"]
    assert container["readinessProbe"]["grpc"] == {"port": 50051}
    assert container["livenessProbe"]["grpc"] == {"port": 50051, "service": LIVENESS}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"grpc": 50051, "metrics": 9464}
    assert pods()[service]["spec"]["terminationGracePeriodSeconds"] == 30


def test_secrets_come_from_secrets():
    for pod in pods().values():
        for container in pod["spec"]["containers"]:
            for one in container["env"]:
                is_secret = one["name"] in {"RXGUARD_PSEUDONYM_KEY", "RXGUARD_POSTGRES_DSN"}
                assert is_secret == ("secretKeyRef" in one.get("valueFrom", {}))
    assert kind("Secret") == {}


def test_traffic_is_denied_unless_a_policy_names_it():
    policies = kind("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    edges = [
        (rule.get("from") or rule.get("to"), rule.get("ports"))
        for one in policies.values()
        for rule in one["spec"].get("ingress", []) + one["spec"].get("egress", [])
    ]
    assert all(peers and ports for peers, ports in edges)


def test_a_service_that_runs_twice_keeps_one_replica_through_a_drain():
    replicas = {name: one["spec"]["replicas"] for name, one in kind("Deployment").items()}
    budgets = {name: one["spec"]["maxUnavailable"] for name, one in kind("PodDisruptionBudget").items()}
    assert budgets == {name: 1 for name, count in replicas.items() if count > 1}


def test_the_example_of_a_site_registry_can_be_read():
    assert load_sites(BASE / "sites.yaml").default_site.id == "main-street"
