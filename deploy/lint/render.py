"""Renders the chart with Helm's own library and validates what comes out; `cargo xtask deploy-lint` decides what is right.

Reads one JSON object a line, {"values", "release", "namespace", "validate"}, and answers each with one line: {"objects", "configs",
"text", "notes", "invalid"} or {"error"}. The first line of output tells the chart's defaults and what Helm's linter says.
Nothing here contacts a cluster.
"""

import hashlib
import json
import sys

import helm_python
import kubernetes_validate
import yaml

# Oldest that is tried, one in the middle, one of the newest; the schemas come with kubernetes-validate.
VERSIONS = ["1.28", "1.32", "1.36"]
# Kinds of operators: their schemas are not Kubernetes' own.
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Bundle"}

seen = {}


def invalid(thing, version):
    """What the schema of a version has against an object; an object met before is not looked at again."""
    if thing.get("kind") in FOREIGN:
        return None
    key = (hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).digest(), version)
    if key not in seen:
        seen[key] = None
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = "/".join(str(part) for part in error.path)
            seen[key] = f"{thing['kind']} is not valid in {version}: {path}: {error.message}"
        except Exception as error:
            seen[key] = f"{thing.get('kind')} has no schema in {version}: {error}"
    return seen[key]


def validate(chart, ask):
    """The chart renders for the version of the cluster it meets, so each is rendered for and held against its own."""
    found = []
    for version in VERSIONS:
        values = {**ask["values"], "kubeVersion": version}
        files = chart.render(values, name=ask["release"], namespace=ask["namespace"])
        texts = (text for name, text in files.items() if name.endswith(".yaml"))
        found += (invalid(thing, version) for text in texts for thing in yaml.load_all(text, Loader=Strict) if thing)
    return sorted({line for line in found if line})


def render(chart, ask):
    files = chart.render(ask["values"], name=ask["release"], namespace=ask["namespace"])
    notes = "".join(text for name, text in files.items() if name.endswith("NOTES.txt"))
    documents = [(name, text) for name, text in sorted(files.items()) if name.endswith(".yaml")]
    # A key twice is what PyYAML would let pass: the loader below does not.
    objects = [thing for _, text in documents for thing in yaml.load_all(text, Loader=Strict) if thing]
    configs = {}
    for thing in objects:
        if thing["kind"] == "ConfigMap":
            for key, text in thing["data"].items():
                if key.endswith(".yaml"):
                    configs[key] = yaml.load(text, Loader=Strict)
    text = "\n".join(f"---\n# Source: {name}\n{text.strip()}" for name, text in documents if text.strip())
    return {
        "objects": objects,
        "configs": configs,
        "text": text + "\n",
        "notes": notes,
        "invalid": validate(chart, ask) if ask["validate"] else [],
    }


def install(path, chart):
    """What `helm install --dry-run=client` complains of, or installs otherwise than it is rendered. Needs no cluster."""
    values = {"ca": {"existingSecret": "pipelock-ca"}}
    try:
        config = helm_python.Config(storage_driver="memory", namespace="finance")
        release = config.install(path, "gateway", values, namespace="finance", dry_run="client")
    except helm_python.HelmError as error:
        return [f"helm install --dry-run=client: {error}"]
    # Whole objects, so that neither the order nor comments matter; hooks are not of the manifest.
    told = {json.dumps(thing, sort_keys=True) for thing in yaml.safe_load_all(release["manifest"]) if thing}
    files = chart.render(values, name="gateway", namespace="finance")
    texts = (text for name, text in files.items() if name.endswith(".yaml"))
    things = [thing for text in texts for thing in yaml.safe_load_all(text) if thing]
    hook = lambda thing: "helm.sh/hook" in (thing["metadata"].get("annotations") or {})
    rendered = {json.dumps(thing, sort_keys=True) for thing in things if not hook(thing)}
    return [] if told == rendered and told else ["helm install --dry-run=client installs other objects than are rendered"]


class Strict(yaml.SafeLoader):
    """Refuses a mapping that has a key twice."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.YAMLError(f"key {sorted(twice)[0]!r} twice{node.start_mark}")
    return {loader.construct_object(key): loader.construct_object(value, deep=True) for key, value in node.value}


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def main():
    path = sys.argv[1]
    chart = helm_python.Chart.load(path)
    lint = helm_python.lint(path, strict=True)
    complaints = [m["error"] for m in lint["messages"] if m["severity"] > 1] + lint["errors"] + install(path, chart)
    hello = {"helm": helm_python.helm_sdk_version(), "values": chart.values, "lint": complaints, "versions": VERSIONS}
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        try:
            answer = render(chart, json.loads(line))
        except (helm_python.HelmError, yaml.YAMLError) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
