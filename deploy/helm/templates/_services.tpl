{{/*
Services of the cluster that select pods of an entry and have one of its ports under a name that makes Istio guess. Asks the
cluster, so it finds nothing where the chart is only rendered. Takes the root.
*/}}
{{- define "envoy-filters.services-to-rename" -}}
{{- range $entry := .Values.filters -}}
{{- if and $entry.selector (eq $entry.placement "sidecar-inbound") -}}
{{- $namespace := include "envoy-filters.namespace" (dict "root" $ "entry" $entry) -}}
{{- range $service := (lookup "v1" "Service" $namespace "").items -}}
{{- if include "envoy-filters.may-select" (dict "service" $service.spec.selector "entry" $entry.selector) -}}
{{- range $port := $service.spec.ports -}}
{{- range $listener := $entry.listeners -}}
{{- if eq (int $listener.port) (int $port.port) -}}
{{- $protocol := $port.appProtocol | default $port.name | default "" -}}
{{- if not (has (index (splitList "-" $protocol) 0) (list "tcp" "tls")) }}
   RENAME: Service {{ $namespace }}/{{ $service.metadata.name }} calls port {{ int $port.port }} {{ $protocol | quote }}: name it tcp-{{ $entry.filter }} or set appProtocol: tcp
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Not empty where the labels of a Service's selector and of an entry's agree as far as both say anything. */}}
{{- define "envoy-filters.may-select" -}}
{{- $shared := 0 -}}
{{- $agree := true -}}
{{- range $key, $value := .service -}}
{{- if hasKey $.entry $key -}}
{{- $shared = add1 $shared -}}
{{- if ne $value (get $.entry $key) }}{{ $agree = false }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $agree (gt (int $shared) 0) }}yes{{ end -}}
{{- end -}}

{{/* A PeerAuthentication for each set of pods with mail listeners, as text to copy. Takes the root. */}}
{{- define "envoy-filters.peer-authentications" -}}
{{- $sets := dict -}}
{{- range $entry := .Values.filters -}}
{{- if and (eq $entry.filter "smtp") (eq $entry.placement "sidecar-inbound") -}}
{{- $place := dict "root" $ "entry" $entry -}}
{{- $namespace := include "envoy-filters.namespace" $place -}}
{{- $key := printf "%s %s" $namespace (toJson ($entry.selector | default dict)) -}}
{{- $set := get $sets $key | default (dict "name" (include "envoy-filters.name" $place) "namespace" $namespace "selector" $entry.selector "ports" list) -}}
{{- range $entry.listeners -}}
{{- $_ := set $set "ports" (append $set.ports (int (.targetPort | default .port))) -}}
{{- end -}}
{{- $_ := set $sets $key $set -}}
{{- end -}}
{{- end -}}
{{- range $key := keys $sets | sortAlpha }}
{{- with get $sets $key }}

     apiVersion: security.istio.io/v1
     kind: PeerAuthentication
     metadata: {name: {{ .name }}, namespace: {{ .namespace }}}
     spec:
       {{- with .selector }}
       selector: {matchLabels: {{ toJson . }}}
       {{- end }}
       portLevelMtls:
       {{- range .ports | uniq }}
         {{ . }}: {mode: STRICT}
       {{- end }}
{{- end }}
{{- end }}
{{- end -}}
