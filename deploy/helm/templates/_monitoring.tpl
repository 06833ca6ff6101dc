{{/* Not empty where PrometheusRules can be stored, as far as is known. Takes the root. */}}
{{- define "envoy-filters.serves-rules" -}}
{{- if or (not .Values.monitoring.prometheusRule.requireCrd) (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PrometheusRule") -}}
yes
{{- end -}}
{{- end -}}

{{/* The groups of all rules, with the thresholds and the runbook's address that the values ask for. Takes the root. */}}
{{- define "envoy-filters.rule-groups" -}}
{{- $values := .Values.monitoring.prometheusRule -}}
{{- $groups := list -}}
{{- $known := list -}}
{{- range $path, $_ := .Files.Glob "files/prometheus/*.yaml" -}}
{{- $text := $.Files.Get $path -}}
{{- with $values.runbookBase -}}
{{- $text = $text | replace "https://example.org/envoy-filters/" (printf "%s/" (trimSuffix "/" .)) -}}
{{- end -}}
{{- range $group := ($text | fromYaml).groups -}}
{{- range $rule := $group.rules -}}
{{- $of := dig "labels" "of" "" $rule -}}
{{- if $of -}}
{{- $known = append $known $of -}}
{{- if hasKey $values.thresholds $of -}}
{{- $_ := set $rule "expr" (printf "vector(%v)" (get $values.thresholds $of)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $groups = append $groups $group -}}
{{- end -}}
{{- end -}}
{{- range $of, $_ := $values.thresholds -}}
{{- if not (has $of $known) -}}
{{- fail (printf "\n\nmonitoring.prometheusRule.thresholds: there is no threshold %q; there are %s" $of (join ", " ($known | uniq | sortAlpha))) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" $groups) -}}
{{- end -}}
