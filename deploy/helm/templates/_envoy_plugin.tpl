{{/* The plugin as Envoy's own configuration says it (envoy.extensions.wasm.v3.PluginConfig). Takes root, entry. */}}
{{- define "envoy-filters.envoy-plugin" -}}
{{- $name := include "envoy-filters.name" . -}}
{{- $policies := dict "FAIL_OPEN" "FAIL_OPEN" "FAIL_CLOSE" "FAIL_CLOSED" "FAIL_RELOAD" "FAIL_RELOAD" -}}
name: {{ $name }}
root_id: {{ .entry.filter }}
failure_policy: {{ get $policies (.entry.failStrategy | default "FAIL_OPEN") }}
configuration:
  "@type": type.googleapis.com/google.protobuf.StringValue
  value: {{ include "envoy-filters.config" . | quote }}
vm_config:
  vm_id: {{ .entry.vmId | default $name }}
  runtime: envoy.wasm.runtime.v8
  code:
    {{- if .entry.source.file }}
    local:
      filename: {{ .entry.source.file }}
    {{- else }}
    remote:
      http_uri:
        uri: {{ include "envoy-filters.url" . }}
        timeout: 30s
        # Asked for by Envoy's API; the agent fetches the module, not Envoy.
        cluster: _
      # "nil" is Istio's own word for a digest that is not known.
      sha256: {{ .entry.source.sha256 | default "nil" | quote }}
    {{- end }}
{{- if .entry.restrictCapabilities }}
capability_restriction_config:
  allowed_capabilities:
    {{- range get (.root.Files.Get "files/capabilities.json" | fromJson) .entry.filter }}
    {{ . }}: {}
    {{- end }}
{{- end }}
{{- end -}}
