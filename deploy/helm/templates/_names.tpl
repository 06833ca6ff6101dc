{{/* The name of an entry's objects. Takes root, entry. At most 63 characters, because Services are called so too. */}}
{{- define "envoy-filters.name" -}}
{{- $name := printf "%s-%s" .root.Release.Name .entry.name -}}
{{- if gt (len $name) 63 -}}
{{- $name = printf "%s-%s" ($name | trunc 54 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* The namespace of an entry's objects. Takes root, entry. */}}
{{- define "envoy-filters.namespace" -}}
{{- .entry.namespace | default .root.Release.Namespace -}}
{{- end -}}

{{/* Labels of every object. Takes the root. */}}
{{- define "envoy-filters.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of an entry's object. Takes root, entry. */}}
{{- define "envoy-filters.metadata" -}}
name: {{ include "envoy-filters.name" . }}
namespace: {{ include "envoy-filters.namespace" . }}
labels:
  {{- include "envoy-filters.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .entry.name }}
{{- with .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
