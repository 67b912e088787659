{{/* Full name of the protected app: its release when that says the name, else both, as its own chart has it. */}}
{{- define "pipelock-ebpf.app.fullname" -}}
{{- $app := .Values.app | default dict -}}
{{- $release := $app.release | default .Release.Name -}}
{{- if $app.fullname -}}
{{- $app.fullname | trunc 63 | trimSuffix "-" -}}
{{- else if contains $app.name $release -}}
{{- $release | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $release $app.name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Cut to 54, so that the longest suffix (-gateway) still fits a label. */}}
{{- define "pipelock-ebpf.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-pipelock" (include "pipelock-ebpf.app.fullname" . | trunc 45 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "pipelock-ebpf.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pipelock-ebpf.app.namespace" -}}
{{- .Values.app.namespace | default .Release.Namespace -}}
{{- end -}}

{{/* By these the pods of both workloads are found. Sure's selectors for its own pods leave this component out. */}}
{{- define "pipelock-ebpf.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pipelock-ebpf.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: pipelock
{{- end -}}

{{- define "pipelock-ebpf.labels" -}}
{{ include "pipelock-ebpf.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: {{ .Values.app.name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Whether pipelock.image still names the reference product, which has no kernel side. */}}
{{- define "pipelock-ebpf.foreignImage" -}}
{{- if and (not .Values.image.repository) (hasSuffix "luckypipewrench/pipelock" .Values.pipelock.image.repository) -}}true{{- end -}}
{{- end -}}

{{- define "pipelock-ebpf.image" -}}
{{- $repository := .Values.image.repository | default .Values.pipelock.image.repository -}}
{{- $tag := .Values.image.tag | default .Values.pipelock.image.tag -}}
{{- if include "pipelock-ebpf.foreignImage" . -}}
{{- $repository = .Chart.Name -}}
{{- $tag = .Values.image.tag -}}
{{- end -}}
{{- printf "%s:%s" $repository ($tag | default .Chart.AppVersion) -}}
{{- end -}}

{{- define "pipelock-ebpf.imagePullSecrets" -}}
{{- with .Values.pipelock.image.imagePullSecrets | default .Values.image.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pipelock-ebpf.caSecret" -}}
{{- .Values.ca.existingSecret | default (printf "%s-ca" (include "pipelock-ebpf.fullname" .)) -}}
{{- end -}}

{{/* Where the MCP listener sends what it lets through. */}}
{{- define "pipelock-ebpf.mcpUpstream" -}}
{{- if .Values.pipelock.mcpProxy.upstream -}}
{{- .Values.pipelock.mcpProxy.upstream -}}
{{- else -}}
{{- $app := include "pipelock-ebpf.app.fullname" . -}}
{{- if ne (include "pipelock-ebpf.app.namespace" .) .Release.Namespace -}}
{{- $app = printf "%s.%s.svc.%s" $app .Values.app.namespace .Values.clusterDomain -}}
{{- end -}}
{{- printf "http://%s:%d%s" $app (int64 .Values.app.service.port) .Values.app.mcp.path -}}
{{- end -}}
{{- end -}}

{{/* Whether the Deployment is the one that serves the explicit proxy. */}}
{{- define "pipelock-ebpf.proxyInDeployment" -}}
{{- if not .Values.capture.enabled -}}true{{- end -}}
{{- end -}}

{{/* Merges .from into .into, in place. Unlike sprig's, an explicit false, 0 or "" wins; lists are replaced. */}}
{{- define "pipelock-ebpf.merge" -}}
{{- $into := .into -}}
{{- range $key, $value := .from -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $into $key)) -}}
{{- include "pipelock-ebpf.merge" (dict "into" (get $into $key) "from" $value) -}}
{{- else -}}
{{- $_ := set $into $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The CA of this release, made once a rendering and taken from the cluster where it is there already. */}}
{{- define "pipelock-ebpf.ensureCa" -}}
{{- if not (hasKey .Values "renderedCa") -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "pipelock-ebpf.caSecret" .) | default dict -}}
{{- $data := $found.data | default dict -}}
{{- if index $data "tls.crt" -}}
{{- $_ := set .Values "renderedCa" (dict "cert" (index $data "tls.crt" | b64dec) "key" (index $data "tls.key" | b64dec)) -}}
{{- else if and (eq .Values.ca.mode "secret") (not .Values.ca.existingSecret) -}}
{{- $made := genCA .Values.ca.commonName (int .Values.ca.validityDays) -}}
{{- $_ := set .Values "renderedCa" (dict "cert" $made.Cert "key" $made.Key) -}}
{{- else -}}
{{- $_ := set .Values "renderedCa" (dict "cert" .Values.trust.caCert "key" "") -}}
{{- end -}}
{{- end -}}
{{- end -}}
