{{/* The pod of a role: `component` is `gateway` or `adapter`, `role` what it runs. */}}

{{/* The role of a component: the gateway of `mode: single` runs everything. */}}
{{- define "tollgate.role" -}}
{{- ternary .component "all" (eq .root.Values.mode "split") -}}
{{- end -}}

{{- define "tollgate.configMapName" -}}
{{- include "tollgate.object" (dict "root" .root "suffix" (printf "-%s" .component)) -}}
{{- end -}}

{{- define "tollgate.podSecurityContext" -}}
{{- $context := deepCopy .Values.pod.securityContext -}}
{{- if not $context.supplementalGroups -}}
{{- $context = omit $context "supplementalGroups" -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{/* Variables by name, so that none is there twice. */}}
{{- define "tollgate.env" -}}
{{- $pod := get .root.Values .component -}}
{{- $env := dict -}}
{{- range $name, $field := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "NODE_NAME" "spec.nodeName" -}}
{{- $_ := set $env $name (dict "valueFrom" (dict "fieldRef" (dict "fieldPath" $field))) -}}
{{- end -}}
{{- if dig "limits" "cpu" "" (default dict $pod.resources) -}}
{{- $limit := dict "containerName" "tollgate" "resource" "limits.cpu" "divisor" "1" -}}
{{- $_ := set $env "TOKIO_WORKER_THREADS" (dict "valueFrom" (dict "resourceFieldRef" $limit)) -}}
{{- end -}}
{{- range $name, $value := default dict $pod.extraEnv -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $env $name (include "tollgate.yaml" (dict "root" $.root "value" $value) | fromYaml) -}}
{{- else -}}
{{- $_ := set $env $name (dict "value" (include "tollgate.text" (dict "root" $.root "text" $value))) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $env | sortAlpha }}
- name: {{ $name }}
  {{- toYaml (get $env $name) | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tollgate.probe" -}}
httpGet:
  path: {{ .path }}
  port: admin
periodSeconds: {{ .probe.periodSeconds }}
timeoutSeconds: {{ .probe.timeoutSeconds }}
failureThreshold: {{ .probe.failureThreshold }}
{{- end -}}

{{/* The constraints on where pods are spread, with the selector that the user left out. */}}
{{- define "tollgate.spread" -}}
{{- $selector := dict "matchLabels" (include "tollgate.selector" . | fromYaml) -}}
{{- $pod := get .root.Values .component -}}
{{- $constraints := list -}}
{{- range $pod.topologySpreadConstraints -}}
{{- $own := default $selector .labelSelector -}}
{{- $constraints = append $constraints (set (deepCopy .) "labelSelector" $own) -}}
{{- end -}}
{{- with $constraints -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.pod" -}}
{{- include "tollgate.check" .root -}}
{{- $values := .root.Values -}}
{{- $pod := get $values .component -}}
{{- $role := include "tollgate.role" . -}}
{{- $secrets := include "tollgate.secretSources" (dict "root" .root "role" $role) -}}
{{- $annotations := include "tollgate.yaml" (dict "root" .root "value" (merge dict (default dict $pod.podAnnotations) (default dict $values.commonAnnotations))) | fromYaml -}}
{{- if $values.restartOnConfigChange -}}
{{- $_ := set $annotations "checksum/config" (include "tollgate.config" (dict "root" .root "role" $role) | sha256sum) -}}
{{- end -}}
metadata:
  labels:
    {{- include "tollgate.labels" (dict "root" .root "component" .component "more" $pod.podLabels) | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "tollgate.serviceAccountName" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "tollgate.pullSecrets" .root }}
  imagePullSecrets:
    {{- . | trim | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "tollgate.gracePeriod" . }}
  securityContext:
    {{- include "tollgate.podSecurityContext" .root | nindent 4 }}
  {{- if not (kindIs "invalid" $values.pod.hostUsers) }}
  hostUsers: {{ $values.pod.hostUsers }}
  {{- end }}
  {{- with $values.pod.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.pod.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $values.pod.schedulerName }}
  schedulerName: {{ . }}
  {{- end }}
  {{- with $values.pod.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $values.pod.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.pod.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pod.affinity }}
  affinity:
    {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 4 }}
  {{- end }}
  {{- with include "tollgate.spread" . }}
  topologySpreadConstraints:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with $pod.initContainers }}
  initContainers:
    {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 4 }}
  {{- end }}
  containers:
    - name: tollgate
      image: {{ include "tollgate.image" .root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - serve
        - --config
        - /etc/tollgate/config.yaml
        {{- if ne $role "all" }}
        - --only
        - {{ $role }}
        {{- end }}
        {{- range $pod.extraArgs }}
        - {{ include "tollgate.text" (dict "root" $.root "text" .) | quote }}
        {{- end }}
      env:
        {{- include "tollgate.env" . | trim | nindent 8 }}
      {{- with $pod.extraEnvFrom }}
      envFrom:
        {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 8 }}
      {{- end }}
      ports:
        {{- if ne $role "gateway" }}
        - name: http
          containerPort: 8080
          protocol: TCP
        {{- end }}
        {{- if and (ne $role "adapter") (include "tollgate.grpcIsOpen" .root) }}
        - name: grpc
          containerPort: 50051
          protocol: TCP
        {{- end }}
        - name: admin
          containerPort: 9090
          protocol: TCP
      startupProbe:
        {{- include "tollgate.probe" (dict "path" "/livez" "probe" $values.pod.startupProbe) | nindent 8 }}
      livenessProbe:
        {{- include "tollgate.probe" (dict "path" "/livez" "probe" $values.pod.livenessProbe) | nindent 8 }}
      readinessProbe:
        {{- include "tollgate.probe" (dict "path" "/readyz" "probe" $values.pod.readinessProbe) | nindent 8 }}
      {{- if $pod.lifecycle }}
      lifecycle:
        {{- toYaml $pod.lifecycle | nindent 8 }}
      {{- else if $values.pod.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ $values.pod.preStopSeconds }}
      {{- end }}
      {{- with $pod.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml $values.pod.containerSecurityContext | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/tollgate
          readOnly: true
        {{- if $secrets }}
        - name: secrets
          mountPath: {{ include "tollgate.secretsFolder" .root }}
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- if ne $role "adapter" }}
        - name: data
          mountPath: /var/lib/tollgate
        {{- end }}
        {{- with $pod.extraVolumeMounts }}
        {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 8 }}
        {{- end }}
    {{- with $pod.extraContainers }}
    {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "tollgate.configMapName" . }}
        defaultMode: 0444
    {{- if $secrets }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- $secrets | trim | nindent 10 }}
    {{- end }}
    - name: tmp
      emptyDir:
        sizeLimit: {{ $values.pod.tmpSize }}
    {{- if ne $role "adapter" }}
    {{- if not $values.persistence.enabled }}
    - name: data
      emptyDir:
        sizeLimit: {{ $values.persistence.size }}
    {{- else if $values.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ include "tollgate.text" (dict "root" .root "text" $values.persistence.existingClaim) }}
    {{- end }}
    {{- end }}
    {{- with $pod.extraVolumes }}
    {{- include "tollgate.yaml" (dict "root" $.root "value" .) | nindent 4 }}
    {{- end }}
{{- end -}}
