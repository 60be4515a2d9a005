"""A chart of a few lines with what charts have: values and their schema, a definition, and objects."""

import json
from pathlib import Path

_TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
data:
  level: {{ required "level is needed" .Values.level | quote }}
  cluster: {{ .Capabilities.KubeVersion.Version }}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-extra
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      nodeSelector: {{ toJson .Values.nodeSelector }}
      containers: [{name: main, image: none}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: pre-install}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: none}]}
"""
_DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.charts.example.org}
spec:
  group: charts.example.org
  names: {kind: Gadget, plural: gadgets}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {operator: {type: string, enum: [=, "!="], default: =}}}}
"""


def write_chart(folder: Path, *, version: str = "1.2.3") -> Path:
    """Write the chart `small` into a folder and return it."""
    chart = folder / "small"
    (chart / "templates").mkdir(parents=True)
    (chart / "crds").mkdir()
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: small\nversion: {version}\n")
    (chart / "values.yaml").write_text("level: info\nreplicas: 1\nextra: false\nnodeSelector: {}\n")
    schema = {"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 0}}}
    (chart / "values.schema.json").write_text(json.dumps(schema))
    (chart / "templates" / "objects.yaml").write_text(_TEMPLATE)
    (chart / "crds" / "gadgets.yaml").write_text(_DEFINITION)
    return chart
