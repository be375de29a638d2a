{{/* Names, labels and what else every object carries. */}}

{{/* A text of the user's, which may be a template. Helm reads a number as a float, whose text would be 8.388608e+06. */}}
{{- define "tollgate.text" -}}
{{- if and (kindIs "float64" .text) (eq (floor .text) .text) -}}
{{- printf "%.0f" .text -}}
{{- else -}}
{{- tpl (toString .text) .root -}}
{{- end -}}
{{- end -}}

{{/* A map or list of the user's, which may hold templates, as YAML. */}}
{{- define "tollgate.yaml" -}}
{{- tpl (toYaml .value) .root -}}
{{- end -}}

{{/* A name of at most `most` characters. What is cut is told apart by a hash of the whole. */}}
{{- define "tollgate.fit" -}}
{{- if gt (len .name) (int .most) -}}
{{- printf "%s-%s" (.name | trunc (int (sub .most 9)) | trimSuffix "-") (.name | sha256sum | trunc 8) -}}
{{- else -}}
{{- .name -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.name" -}}
{{- include "tollgate.fit" (dict "name" (default .Chart.Name .Values.nameOverride) "most" 58) -}}
{{- end -}}

{{- define "tollgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- end -}}

{{/* The name of an object: the full name and, where there is one, a suffix. A StatefulSet may have 52 characters, as its pods
     carry its name with a hash in a label; the others keep the same measure. */}}
{{- define "tollgate.object" -}}
{{- $name := include "tollgate.fullname" .root -}}
{{- $suffix := default "" .suffix -}}
{{- $most := sub 52 (len $suffix) -}}
{{- printf "%s%s" (include "tollgate.fit" (dict "name" $name "most" $most)) $suffix -}}
{{- end -}}

{{- define "tollgate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What selects pods: it never changes, so it holds no version. The pods of `helm test` have a name of their own, so that no
     Service or policy takes them for Tollgate. */}}
{{- define "tollgate.selector" -}}
app.kubernetes.io/name: {{ include "tollgate.name" .root }}{{ ternary "-test" "" (eq (default "" .component) "test") }}
app.kubernetes.io/instance: {{ include "tollgate.fit" (dict "name" .root.Release.Name "most" 63) }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "tollgate.labels" -}}
{{- $own := include "tollgate.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "tollgate" -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- $given := include "tollgate.yaml" (dict "root" .root "value" (merge dict (default dict .more) (default dict .root.Values.commonLabels))) | fromYaml -}}
{{- merge $own $given | toYaml -}}
{{- end -}}

{{/* The metadata of an object: its name, namespace, labels and annotations. */}}
{{- define "tollgate.metadata" -}}
name: {{ include "tollgate.object" . }}
namespace: {{ include "tollgate.namespace" .root }}
labels:
  {{- include "tollgate.labels" . | nindent 2 }}
{{- $own := include "tollgate.yaml" (dict "root" .root "value" (default dict .annotations)) | fromYaml -}}
{{- $common := include "tollgate.yaml" (dict "root" .root "value" (default dict .root.Values.commonAnnotations)) | fromYaml -}}
{{- with merge dict $own $common }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tollgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tollgate.object" (dict "root" .)) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry .Values.image.repository) .Values.image.repository (not (empty $registry)) -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.pullSecrets" -}}
{{- $names := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) (default list .Values.imagePullSecrets) -}}
{{- if kindIs "map" . -}}
{{- $names = append $names .name -}}
{{- else -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Whether others than this pod can call the gRPC door: "true" or nothing. */}}
{{- define "tollgate.grpcIsOpen" -}}
{{- if or (eq .Values.mode "split") .Values.grpc.plaintext .Values.grpc.tls.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* The component that has the door on the internet. */}}
{{- define "tollgate.front" -}}
{{- ternary "adapter" "gateway" (eq .Values.mode "split") -}}
{{- end -}}

{{- define "tollgate.httpPort" -}}
{{- default (ternary 443 80 (not (empty .Values.public.tls.existingSecret))) .Values.service.http.port | int -}}
{{- end -}}

{{/* The host of the gateway behind which there is an address for each pod. */}}
{{- define "tollgate.grpcHost" -}}
{{- printf "%s.%s.svc" (include "tollgate.object" (dict "root" . "suffix" "-grpc-headless")) (include "tollgate.namespace" .) -}}
{{- end -}}
