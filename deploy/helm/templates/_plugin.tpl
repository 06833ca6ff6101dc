{{/* What the three kinds of object have in common. All take root, entry. */}}

{{/* The filter's configuration: the entry's, with the labels that tell its series apart filled in. */}}
{{- define "envoy-filters.config" -}}
{{- $reporters := dict "sidecar-inbound" "inbound" "sidecar-outbound" "outbound" "gateway" "gateway" "egress" "gateway" -}}
{{- $labels := dict "stat_prefix" .entry.name "reporter" (get $reporters .entry.placement) -}}
{{- merge (deepCopy (.entry.config | default dict)) $labels | toJson -}}
{{- end -}}

{{/* Where the module comes from, as Istio's agent reads it. */}}
{{- define "envoy-filters.url" -}}
{{- with .entry.source -}}
{{- if .oci -}}oci://{{ .oci | trimPrefix "oci://" }}
{{- else if .https -}}{{ .https }}
{{- else -}}file://{{ .file }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* On which pods and ports: of WasmPlugin and TrafficExtension alike. */}}
{{- define "envoy-filters.where" -}}
{{- $ports := list -}}
{{- $egress := eq .entry.placement "egress" -}}
{{- range .entry.listeners -}}
{{- $ports = append $ports (dict "number" .port) -}}
{{- /* Istio compares the Service's port on most chains, and the pod's on those of a Sidecar's ingress listener. */ -}}
{{- if and .targetPort (not $egress) (ne .targetPort .port) -}}
{{- $ports = append $ports (dict "number" .targetPort) -}}
{{- end -}}
{{- end -}}
{{- $mode := ternary "SERVER" "CLIENT" (eq .entry.placement "sidecar-inbound") -}}
{{- $where := dict "match" (list (dict "mode" $mode "ports" ($ports | uniq))) -}}
{{- with .entry.selector }}{{ $_ := set $where "selector" (dict "matchLabels" .) }}{{ end -}}
{{- with .entry.targetRefs }}{{ $_ := set $where "targetRefs" . }}{{ end -}}
{{- with .entry.phase }}{{ $_ := set $where "phase" . }}{{ end -}}
{{- if hasKey .entry "priority" }}{{ $_ := set $where "priority" .entry.priority }}{{ end -}}
{{- toYaml $where -}}
{{- end -}}

{{/* What runs there: of WasmPlugin and TrafficExtension alike. */}}
{{- define "envoy-filters.wasm" -}}
{{- $wasm := dict "type" "NETWORK" "pluginName" .entry.filter "url" (include "envoy-filters.url" .) -}}
{{- $_ := set $wasm "failStrategy" (.entry.failStrategy | default "FAIL_OPEN") -}}
{{- $_ := set $wasm "pluginConfig" (include "envoy-filters.config" . | fromJson) -}}
{{- with .entry.source.sha256 }}{{ $_ := set $wasm "sha256" . }}{{ end -}}
{{- with .entry.imagePullPolicy }}{{ $_ := set $wasm "imagePullPolicy" . }}{{ end -}}
{{- with .entry.imagePullSecret }}{{ $_ := set $wasm "imagePullSecret" . }}{{ end -}}
{{- toYaml $wasm -}}
{{- end -}}
