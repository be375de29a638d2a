{{/* What the routes of both doors share: `route` are the values, `service` and `port` where it leads. */}}
{{- define "tollgate.routeSpec" -}}
parentRefs:
  {{- include "tollgate.yaml" (dict "root" .root "value" .route.parentRefs) | nindent 2 }}
{{- with .route.hostnames }}
hostnames:
  {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 2 }}
{{- end }}
rules:
  - matches:
      {{- toYaml .route.matches | nindent 6 }}
    {{- with .route.filters }}
    filters:
      {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 6 }}
    {{- end }}
    {{- with .timeouts }}
    timeouts:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    backendRefs:
      - name: {{ .service }}
        port: {{ .port }}
{{- end -}}

{{/* How a Gateway knows the certificate of a door. */}}
{{- define "tollgate.backendTlsSpec" -}}
targetRefs:
  - group: ""
    kind: Service
    name: {{ .service }}
validation:
  hostname: {{ include "tollgate.text" (dict "root" .root "text" .backendTLS.hostname) }}
  {{- if .backendTLS.caConfigMaps }}
  caCertificateRefs:
    {{- range .backendTLS.caConfigMaps }}
    - group: ""
      kind: ConfigMap
      name: {{ include "tollgate.text" (dict "root" $.root "text" .) }}
    {{- end }}
  {{- else }}
  wellKnownCACertificates: System
  {{- end }}
{{- end -}}
