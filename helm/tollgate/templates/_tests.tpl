{{/* A pod that asks one door, by the image's own command. `args` are those of `tollgate healthcheck`, `ca` the key of the authority. */}}
{{- define "tollgate.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  {{- $hooks := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" }}
  {{- include "tollgate.metadata" (dict "root" .root "component" "test" "suffix" .suffix "annotations" $hooks) | nindent 2 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "tollgate.serviceAccountName" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "tollgate.pullSecrets" .root }}
  imagePullSecrets:
    {{- . | trim | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "tollgate.podSecurityContext" .root | nindent 4 }}
  containers:
    - name: healthcheck
      image: {{ include "tollgate.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args:
        {{- toYaml .args | nindent 8 }}
      resources:
        requests:
          cpu: 10m
          memory: 16Mi
        limits:
          memory: 64Mi
      securityContext:
        {{- toYaml .root.Values.pod.containerSecurityContext | nindent 8 }}
      {{- if .ca }}
      volumeMounts:
        - name: ca
          mountPath: /run/secrets/tollgate/grpc
          readOnly: true
      {{- end }}
  {{- if .ca }}
  volumes:
    - name: ca
      secret:
        secretName: {{ include "tollgate.text" (dict "root" .root "text" .root.Values.grpc.tls.existingSecret) | quote }}
        defaultMode: 0440
        items:
          - key: {{ .ca | quote }}
            path: {{ .ca | quote }}
  {{- end }}
{{- end -}}
