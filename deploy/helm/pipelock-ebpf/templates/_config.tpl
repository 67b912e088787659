{{/* The sections the chart knows, as text. Booleans keep an explicit false, numbers an explicit 0. */}}
{{- define "pipelock-ebpf.sections" -}}
{{- $p := .Values.pipelock -}}
version: 1
mode: {{ $p.mode }}
{{- with $p.trustedDomains }}
trusted_domains:
  {{- range . }}
  - {{ . | quote }}
  {{- end }}
{{- end }}
{{- if ne .Values.ca.mode "none" }}
tls_interception:
  enabled: true
  ca_cert: /etc/pipelock-ca/tls.crt
  ca_key: /etc/pipelock-ca/tls.key
{{- end }}
{{- if .Values.capture.enabled }}
capture:
  discover:
    - source: cri
      socket: /run/pipelock-runtime/{{ base .Values.capture.hostPaths.runtimeSocket }}
      {{- with .Values.capture.hostPaths.nriSocket }}
      nri: /run/pipelock-nri/{{ base . }}
      {{- end }}
      namespaces: [{{ include "pipelock-ebpf.app.namespace" . | quote }}]
      labels:
        {{- with .Values.capture.discover.labels }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        - app.kubernetes.io/name={{ .Values.app.name }}
        - app.kubernetes.io/instance={{ .Values.app.release | default .Release.Name }}
        {{- end }}
      {{- with .Values.capture.discover.exclude }}
      exclude:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.capture.discover.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.capture.discover.cidrBypass }}
      cidr_bypass:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
forward_proxy:
  enabled: {{ $p.forwardProxy.enabled }}
  max_tunnel_seconds: {{ int64 $p.forwardProxy.maxTunnelSeconds }}
  idle_timeout_seconds: {{ int64 $p.forwardProxy.idleTimeoutSeconds }}
websocket_proxy:
  enabled: {{ $p.websocketProxy.enabled }}
  max_message_bytes: {{ int64 $p.websocketProxy.maxMessageBytes }}
  max_concurrent_connections: {{ int64 $p.websocketProxy.maxConcurrentConnections }}
  scan_text_frames: {{ $p.websocketProxy.scanTextFrames }}
  allow_binary_frames: {{ $p.websocketProxy.allowBinaryFrames }}
  forward_cookies: {{ $p.websocketProxy.forwardCookies }}
  strip_compression: true
  max_connection_seconds: {{ int64 $p.websocketProxy.maxConnectionSeconds }}
  idle_timeout_seconds: {{ int64 $p.websocketProxy.idleTimeoutSeconds }}
  origin_policy: {{ $p.websocketProxy.originPolicy }}
dlp:
  scan_env: true
  include_defaults: true
response_scanning:
  enabled: true
  action: warn
  include_defaults: true
mcp_input_scanning:
  enabled: true
  action: block
  on_parse_error: block
mcp_tool_scanning:
  enabled: true
  action: warn
  detect_drift: true
{{- /* `mcpToolPolicy: null` takes the whole key away: then there is no policy, not one without rules. */}}
{{- $policy := $p.mcpToolPolicy | default dict }}
mcp_tool_policy:
  enabled: {{ $policy.enabled | default false }}
  action: {{ $policy.action | default "warn" }}
  {{- with $policy.rules }}
  rules:
    {{- range . }}
    - name: {{ required "pipelock.mcpToolPolicy.rules[].name is required" .name | quote }}
      tool_pattern: {{ required "pipelock.mcpToolPolicy.rules[].toolPattern is required" .toolPattern | quote }}
      {{- with .argPattern }}
      arg_pattern: {{ . | quote }}
      {{- end }}
      {{- with .argKey }}
      arg_key: {{ . | quote }}
      {{- end }}
      {{- with .action }}
      action: {{ . }}
      {{- end }}
      {{- with .redirectProfile }}
      redirect_profile: {{ . | quote }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with $policy.redirectProfiles }}
  redirect_profiles:
    {{- toYaml . | nindent 4 }}
  {{- end }}
mcp_session_binding:
  enabled: {{ $p.mcpSessionBinding.enabled }}
  unknown_tool_action: {{ $p.mcpSessionBinding.unknownToolAction }}
tool_chain_detection:
  enabled: {{ $p.toolChainDetection.enabled }}
  action: {{ $p.toolChainDetection.action }}
  window_size: {{ int64 $p.toolChainDetection.windowSize }}
  max_gap: {{ int64 $p.toolChainDetection.maxGap }}
request_body_scanning:
  enabled: {{ $p.requestBodyScanning.enabled }}
  action: {{ $p.requestBodyScanning.action }}
  max_body_bytes: {{ int64 $p.requestBodyScanning.maxBodyBytes }}
  scan_headers: {{ $p.requestBodyScanning.scanHeaders }}
  header_mode: {{ $p.requestBodyScanning.headerMode }}
health_watchdog:
  enabled: {{ $p.healthWatchdog.enabled }}
  interval_seconds: {{ int64 $p.healthWatchdog.intervalSeconds }}
  expose_subsystems: {{ $p.healthWatchdog.exposeSubsystems }}
flight_recorder:
  enabled: {{ $p.flightRecorder.enabled }}
  require_receipts: {{ $p.flightRecorder.requireReceipts }}
  redact: {{ $p.flightRecorder.redact }}
  {{- with $p.flightRecorder.dir }}
  dir: {{ . | quote }}
  {{- end }}
  {{- with $p.flightRecorder.signingKeyPath }}
  signing_key_path: {{ . | quote }}
  {{- end }}
logging:
  format: {{ $p.logging.format }}
  output: {{ $p.logging.output }}
  include_allowed: {{ $p.logging.includeAllowed }}
  include_blocked: {{ $p.logging.includeBlocked }}
{{- end -}}

{{/* pipelock.yaml: the sections, with extraConfig merged in. No key can appear twice. */}}
{{- define "pipelock-ebpf.config" -}}
{{- $config := include "pipelock-ebpf.sections" . | fromYaml -}}
{{- if hasKey $config "Error" -}}
{{- fail (printf "pipelock.yaml cannot be made from these values: %s" $config.Error) -}}
{{- end -}}
{{- include "pipelock-ebpf.merge" (dict "into" $config "from" (.Values.pipelock.extraConfig | default dict)) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The same for pods that only serve MCP: they open no TLS, and so do not get to see the key of the CA. */}}
{{- define "pipelock-ebpf.mcpConfig" -}}
{{- $config := include "pipelock-ebpf.config" . | fromYaml -}}
{{- $_ := set $config "tls_interception" (dict "enabled" false) -}}
{{- $_ := unset $config "capture" -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Which of the two the Deployment reads. */}}
{{- define "pipelock-ebpf.deploymentConfigFile" -}}
{{- if include "pipelock-ebpf.proxyInDeployment" . }}pipelock.yaml{{ else }}pipelock-mcp.yaml{{ end -}}
{{- end -}}
