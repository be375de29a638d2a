{{/* Rules of network policies. A list of peers that is empty makes no rule: an empty `from` or `to` would mean everybody. */}}

{{/* Ports by name or number, over TCP. */}}
{{- define "tollgate.ports" -}}
ports:
  {{- range .ports }}
  - protocol: TCP
    port: {{ . }}
  {{- end }}
{{- end -}}

{{- define "tollgate.mayCome" -}}
{{- if .from }}
- from:
    {{- toYaml .from | nindent 4 }}
  {{- include "tollgate.ports" . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tollgate.mayGo" -}}
{{- if and .to .ports }}
- to:
    {{- toYaml .to | nindent 4 }}
  {{- include "tollgate.ports" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The pods of a component as a peer. */}}
{{- define "tollgate.peer" -}}
{{- dict "podSelector" (dict "matchLabels" (include "tollgate.selector" . | fromYaml)) | toJson -}}
{{- end -}}

{{- define "tollgate.dnsRule" -}}
{{- with .Values.networkPolicy.dns.to }}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}
{{- end -}}

{{/* The policy of a component: `opens` are its doors, `reaches` whom it may call beside resolving names. */}}
{{- define "tollgate.networkPolicySpec" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $test := include "tollgate.peer" (dict "root" .root "component" "test") | fromJson -}}
podSelector:
  matchLabels:
    {{- include "tollgate.selector" . | nindent 4 }}
policyTypes: [Ingress, Egress]
ingress:
  {{- if has "http" .opens }}
  {{- include "tollgate.mayCome" (dict "from" (append (default list $policy.http.from) $test) "ports" (list "http")) | trim | nindent 2 }}
  {{- end }}
  {{- if has "grpc" .opens }}
  {{- $peers := append (default list $policy.grpc.from) $test }}
  {{- if eq .root.Values.mode "split" }}
  {{- $peers = append $peers (include "tollgate.peer" (dict "root" .root "component" "adapter") | fromJson) }}
  {{- end }}
  {{- include "tollgate.mayCome" (dict "from" $peers "ports" (list "grpc")) | trim | nindent 2 }}
  {{- end }}
  {{- include "tollgate.mayCome" (dict "from" (append (default list $policy.admin.from) $test) "ports" (list "admin")) | trim | nindent 2 }}
  {{- with $policy.extraIngress }}
  {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 2 }}
  {{- end }}
{{- $egress := include "tollgate.egress" . | trim }}
egress:
  {{- default "[]" $egress | nindent 2 }}
{{- end -}}

{{- define "tollgate.egress" -}}
{{- $policy := .root.Values.networkPolicy -}}
{{- $gateway := include "tollgate.peer" (dict "root" .root "component" "gateway") | fromJson -}}
{{- $known := dict "providers" $policy.providers "okta" $policy.okta "gateway" (dict "to" (list $gateway) "ports" (list "grpc")) -}}
{{- include "tollgate.dnsRule" .root }}
{{- range .reaches }}
{{- include "tollgate.mayGo" (get $known .) }}
{{- end }}
{{- with $policy.extraEgress }}
{{ include "tollgate.yaml" (dict "root" $.root "value" .) }}
{{- end }}
{{- end -}}
