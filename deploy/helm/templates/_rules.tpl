{{/*
What values.schema.json cannot say, or not with a reason. Each refusal names the entry, the value, and what would be right.
*/}}

{{/* Checks every entry, and the entries against each other. Takes the root; renders nothing. */}}
{{- define "envoy-filters.check" -}}
{{- $names := dict -}}
{{- range $index, $entry := .Values.filters -}}
{{- $at := printf "filters[%d] (%s)" $index $entry.name -}}
{{- if hasKey $names $entry.name -}}
{{- fail (printf "\n\nfilters[%d].name: %q is the name of filters[%v] too; names are unique, because objects are called after them" $index $entry.name (get $names $entry.name)) -}}
{{- end -}}
{{- $_ := set $names $entry.name (toString $index) -}}
{{- $scope := dict "root" $ "entry" $entry "at" $at -}}
{{- include "envoy-filters.check-target" $scope -}}
{{- include "envoy-filters.check-listeners" $scope -}}
{{- include "envoy-filters.check-source" $scope -}}
{{- include "envoy-filters.check-api" $scope -}}
{{- include "envoy-filters.check-external" $scope -}}
{{- include "envoy-filters.check-config" $scope -}}
{{- end -}}
{{- end -}}

{{/* Which pods. Takes root, entry, at; so do all below. */}}
{{- define "envoy-filters.check-target" -}}
{{- if and .entry.selector .entry.targetRefs -}}
{{- fail (printf "\n\n%s: selector and targetRefs: Istio takes one of the two" .at) -}}
{{- end -}}
{{- if not (or .entry.selector .entry.targetRefs .entry.namespaceWide) -}}
{{- fail (printf "\n\n%s: selector: say the labels of the pods (or targetRefs); `namespaceWide: true` puts the filter on every pod of the namespace" .at) -}}
{{- end -}}
{{- if and .entry.namespaceWide (or .entry.selector .entry.targetRefs) -}}
{{- fail (printf "\n\n%s: namespaceWide: true, but a selector or targetRefs narrows it; leave one of the two out" .at) -}}
{{- end -}}
{{- if and .entry.targetRefs (hasPrefix "sidecar-" .entry.placement) -}}
{{- fail (printf "\n\n%s: targetRefs with placement %s: targetRefs name gateways and waypoints, sidecars are found by selector" .at .entry.placement) -}}
{{- end -}}
{{- end -}}

{{- define "envoy-filters.check-listeners" -}}
{{- $at := .at -}}
{{- $entry := .entry -}}
{{- $ports := dict -}}
{{- range $index, $listener := .entry.listeners -}}
{{- $port := toString $listener.port -}}
{{- if hasKey $ports $port -}}
{{- fail (printf "\n\n%s: listeners[%d].port: %s is named twice" $at $index $port) -}}
{{- end -}}
{{- $_ := set $ports $port true -}}
{{- if and $listener.targetPort (eq $entry.placement "sidecar-outbound") -}}
{{- fail (printf "\n\n%s: listeners[%d].targetPort: a client's sidecar sees the Service's port (%s) only" $at $index $port) -}}
{{- end -}}
{{- if and $listener.targetPort (eq $entry.placement "egress") (not $entry.external) -}}
{{- fail (printf "\n\n%s: listeners[%d].targetPort: is the port of the server outside, and `external` does not say which server" $at $index) -}}
{{- end -}}
{{- /* appProtocol goes before the name. */ -}}
{{- $protocol := $listener.appProtocol | default $listener.portName | default "tcp" -}}
{{- $word := index (splitList "-" $protocol) 0 -}}
{{- if not (has $word (list "tcp" "tls")) -}}
{{- $what := ternary "appProtocol" "portName" (not (empty $listener.appProtocol)) -}}
{{- $consequence := ternary "waits for the client to speak first, and in SMTP the server does: connections hang" "guesses the protocol, and the port gets an HTTP and a TCP chain" (eq $entry.filter "smtp") -}}
{{- fail (printf "\n\n%s: listeners[%d].%s: port %s is called %q, which Istio does not take for TCP. On such a port its proxy %s. Name the port of the Service tcp-%s, or give it appProtocol: tcp" $at $index $what $port $protocol $consequence $entry.filter) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "envoy-filters.check-source" -}}
{{- $source := .entry.source -}}
{{- $given := list -}}
{{- range list "oci" "https" "file" -}}
{{- if get $source . }}{{ $given = append $given . }}{{ end -}}
{{- end -}}
{{- if ne (len $given) 1 -}}
{{- fail (printf "\n\n%s: source: has %s; say exactly one of oci, https and file" .at (ternary "none" (join " and " $given) (empty $given))) -}}
{{- end -}}
{{- if $source.https -}}
{{- if not (hasPrefix "https://" $source.https) -}}
{{- fail (printf "\n\n%s: source.https: %q does not begin with https://" .at $source.https) -}}
{{- end -}}
{{- if not $source.sha256 -}}
{{- fail (printf "\n\n%s: source.sha256: is missing for %q. Without it a proxy runs whatever the server hands out; SHA256SUMS of the release has it" .at $source.https) -}}
{{- end -}}
{{- end -}}
{{- if and $source.oci (contains "://" ($source.oci | trimPrefix "oci://")) -}}
{{- fail (printf "\n\n%s: source.oci: %q is not an image reference such as registry.example.com/envoy-filters/%s-filter:0.1.0" .at $source.oci .entry.filter) -}}
{{- end -}}
{{- if $source.file -}}
{{- if not (hasPrefix "/" $source.file) -}}
{{- fail (printf "\n\n%s: source.file: %q is not an absolute path in the proxy's container" .at $source.file) -}}
{{- end -}}
{{- if $source.sha256 -}}
{{- fail (printf "\n\n%s: source.sha256: nothing checks the digest of a file in the proxy's container; leave it out" .at) -}}
{{- end -}}
{{- end -}}
{{- if and .entry.imagePullSecret (not $source.oci) -}}
{{- fail (printf "\n\n%s: imagePullSecret: %q is for source.oci only" .at .entry.imagePullSecret) -}}
{{- end -}}
{{- end -}}

{{- define "envoy-filters.check-api" -}}
{{- $api := .entry.api | default "WasmPlugin" -}}
{{- $at := .at -}}
{{- $entry := .entry -}}
{{- if eq $api "EnvoyFilter" -}}
{{- range list "imagePullSecret" "imagePullPolicy" "phase" -}}
{{- if hasKey $entry . -}}
{{- fail (printf "\n\n%s: %s: %q has no effect with api: EnvoyFilter; use WasmPlugin or TrafficExtension" $at . (get $entry .)) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if $entry.vmId -}}
{{- fail (printf "\n\n%s: vmId: %q needs api: EnvoyFilter; %s cannot say it" $at $entry.vmId $api) -}}
{{- end -}}
{{- if $entry.restrictCapabilities -}}
{{- fail (printf "\n\n%s: restrictCapabilities: true needs api: EnvoyFilter; %s cannot say it" $at $api) -}}
{{- end -}}
{{- end -}}
{{- $istio := .root.Values.istio -}}
{{- $needs := dict "WasmPlugin" "1.20.0" "TrafficExtension" "1.30.0" "EnvoyFilter" "1.0.0" -}}
{{- with $istio.version -}}
{{- /* Istio writes 1.31 where SemVer asks for 1.31.0. */ -}}
{{- if semverCompare (printf "<%s-0" (get $needs $api)) . -}}
{{- fail (printf "\n\n%s: api: %s needs Istio %s, and istio.version is %s" $at $api (get $needs $api | trimSuffix ".0") .) -}}
{{- end -}}
{{- if and (eq ($entry.failStrategy | default "") "FAIL_RELOAD") (semverCompare "<1.27.0-0" .) -}}
{{- fail (printf "\n\n%s: failStrategy: FAIL_RELOAD needs Istio 1.27, and istio.version is %s" $at .) -}}
{{- end -}}
{{- end -}}
{{- /* A cluster with Istio that lacks the kind. Without a cluster nothing of Istio is seen, and nothing can be said. */ -}}
{{- $apis := .root.Capabilities.APIVersions -}}
{{- if and (eq $api "TrafficExtension") (not $istio.skipApiCheck) -}}
{{- if and ($apis.Has "extensions.istio.io/v1alpha1/WasmPlugin") (not ($apis.Has "extensions.istio.io/v1alpha1/TrafficExtension")) -}}
{{- fail (printf "\n\n%s: api: TrafficExtension is not served by this cluster's Istio, which is older than 1.30; use WasmPlugin (istio.skipApiCheck: true renders it all the same)" $at) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "envoy-filters.check-external" -}}
{{- with .entry.external -}}
{{- if not (has $.entry.placement (list "sidecar-outbound" "egress")) -}}
{{- fail (printf "\n\n%s: external: leads out of the mesh, which placement %s does not" $.at $.entry.placement) -}}
{{- end -}}
{{- if and .gatewayService (ne $.entry.placement "egress") -}}
{{- fail (printf "\n\n%s: external.gatewayService: is for placement egress only" $.at) -}}
{{- end -}}
{{- if and (eq $.entry.placement "egress") (not $.entry.selector) -}}
{{- fail (printf "\n\n%s: external: with placement egress a Gateway is made, which finds its pods by selector" $.at) -}}
{{- end -}}
{{- if and (eq (.resolution | default "DNS") "STATIC") (not .endpoints) -}}
{{- fail (printf "\n\n%s: external.endpoints: resolution STATIC needs the server's addresses" $.at) -}}
{{- end -}}
{{- if and .endpoints (ne (.resolution | default "DNS") "STATIC") -}}
{{- fail (printf "\n\n%s: external.endpoints: are read with resolution STATIC only, and it is %s" $.at (.resolution | default "DNS")) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "envoy-filters.check-config" -}}
{{- $identities := dig "events" "identities" "off" (.entry.config | default dict) -}}
{{- if and (eq .entry.filter "ldap") (eq $identities "domain") -}}
{{- fail (printf "\n\n%s: config.events.identities: \"domain\" is for mail; ldap knows off, hmac and full" .at) -}}
{{- end -}}
{{- end -}}
