{{/* What the Services of both doors share: `door` is `http` or `grpc`, `port` its port, `protocol` what it speaks. */}}
{{- define "tollgate.serviceSpec" -}}
{{- $service := get .root.Values.service .door -}}
type: {{ $service.type }}
{{- include "tollgate.families" .root }}
{{- with $service.loadBalancerClass }}
loadBalancerClass: {{ . }}
{{- end }}
{{- with $service.loadBalancerSourceRanges }}
loadBalancerSourceRanges:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.externalTrafficPolicy }}
externalTrafficPolicy: {{ . }}
{{- end }}
{{- with $service.internalTrafficPolicy }}
internalTrafficPolicy: {{ . }}
{{- end }}
{{- with $service.trafficDistribution }}
trafficDistribution: {{ . }}
{{- end }}
sessionAffinity: None
selector:
  {{- include "tollgate.selector" . | nindent 2 }}
ports:
  - name: {{ .door }}
    port: {{ .port }}
    targetPort: {{ .door }}
    protocol: TCP
    appProtocol: {{ default .protocol $service.appProtocol }}
    {{- with $service.nodePort }}
    nodePort: {{ . }}
    {{- end }}
{{- end -}}

{{- define "tollgate.families" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tollgate.grpcProtocol" -}}
{{- default (ternary "https" "kubernetes.io/h2c" (not (empty .Values.grpc.tls.existingSecret))) .Values.service.grpc.appProtocol -}}
{{- end -}}
