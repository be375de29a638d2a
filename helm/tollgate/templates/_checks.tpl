{{/* What the schema cannot say of the values: each mistake ends the rendering with one sentence. */}}

{{- define "tollgate.check" -}}
{{- include "tollgate.checkNames" . -}}
{{- include "tollgate.checkOwned" . -}}
{{- include "tollgate.checkWords" (dict "value" (default dict .Values.config) "at" "config") -}}
{{- include "tollgate.checkConnection" . -}}
{{- include "tollgate.checkGateway" . -}}
{{- include "tollgate.checkEnd" . -}}
{{- include "tollgate.checkAdapter" . -}}
{{- include "tollgate.checkSecrets" . -}}
{{- if eq .Values.mode "split" -}}
{{- include "tollgate.checkPod" (dict "root" . "component" "adapter" "role" "adapter") -}}
{{- include "tollgate.checkPod" (dict "root" . "component" "gateway" "role" "gateway") -}}
{{- else -}}
{{- include "tollgate.checkPod" (dict "root" . "component" "gateway" "role" "all") -}}
{{- end -}}
{{- include "tollgate.checkServices" . -}}
{{- include "tollgate.checkRoutes" . -}}
{{- end -}}

{{- define "tollgate.checkNames" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "tollgate.fullname" .)) -}}
{{- fail (printf "fullnameOverride: the name of a Service begins with a letter and has no dot, which is not so with %q; set another one" (include "tollgate.fullname" .)) -}}
{{- end -}}
{{- if and (eq .Values.image.tag "latest") (not .Values.image.digest) -}}
{{- fail "image.tag: latest is another image every time; name a version, or leave it empty for the chart's own" -}}
{{- end -}}
{{- end -}}

{{/* The application's keys that the chart sets. */}}
{{- define "tollgate.checkOwned" -}}
{{- $config := default dict .Values.config -}}
{{- $owned := dict
  "admin" "the chart sets the address of the admin door itself"
  "gateway" "the chart connects the adapter with the gateway itself; see grpc.tls and grpc.adapterToken"
  "public.listen" "the chart sets the address itself; the port outside is service.http.port"
  "public.tls" "the chart mounts certificates itself; set public.tls.existingSecret beside config"
  "grpc.listen" "the chart sets the address itself; the port outside is service.grpc.port"
  "grpc.tls" "the chart mounts certificates itself; set grpc.tls.existingSecret beside config"
  "grpc.plaintext" "set grpc.plaintext beside config"
  "ledger.url" "the chart keeps the ledger on the volume; see persistence"
-}}
{{- range $path, $why := $owned -}}
{{- $section := splitList "." $path | first -}}
{{- $key := splitList "." $path | last -}}
{{- $found := ternary (hasKey $config $path) (hasKey (default dict (get $config $section)) $key) (eq $section $path) -}}
{{- if $found -}}
{{- fail (printf "config.%s: %s" $path $why) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.mode "split" -}}
{{- range (default dict $config.grpc).clients -}}
{{- if eq .name "adapter" -}}
{{- fail "config.grpc.clients: with mode: split the chart adds the client \"adapter\" itself; give yours another name" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Words that YAML 1.1 takes for true and false: a country, or a language, that was meant as a text. Below `json` stands what a
     vendor wants, whose lists may hold truth values. */}}
{{- define "tollgate.checkWords" -}}
{{- $at := .at -}}
{{- $why := "YAML 1.1, which Helm reads, takes NO without quotes for false (and other such words for false or true): write \"NO\"" -}}
{{- if kindIs "map" .value -}}
{{- range $key, $below := omit .value "json" -}}
{{- $path := printf "%s.%s" $at $key -}}
{{- if has $key (list "true" "false") -}}
{{- fail (printf "%s: %s" $path $why) -}}
{{- end -}}
{{- if and (kindIs "bool" $below) (or (eq $key "locale") (hasSuffix ".countries.default" $path)) -}}
{{- fail (printf "%s: %s" $path $why) -}}
{{- end -}}
{{- include "tollgate.checkWords" (dict "value" $below "at" $path) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $index, $below := .value -}}
{{- $path := printf "%s[%d]" $at $index -}}
{{- if kindIs "bool" $below -}}
{{- fail (printf "%s: %s" $path $why) -}}
{{- end -}}
{{- include "tollgate.checkWords" (dict "value" $below "at" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What passes between the pods. */}}
{{- define "tollgate.checkConnection" -}}
{{- if and .Values.grpc.plaintext .Values.grpc.tls.existingSecret -}}
{{- fail "grpc: plaintext and tls.existingSecret contradict each other; choose one" -}}
{{- end -}}
{{- if eq .Values.mode "split" -}}
{{- if not .Values.grpc.adapterToken.existingSecret -}}
{{- fail "grpc.adapterToken.existingSecret: with mode: split the gateway knows the adapter by a token; name the Secret that has it" -}}
{{- end -}}
{{- if not (or .Values.grpc.tls.existingSecret .Values.grpc.plaintext) -}}
{{- fail "grpc.tls.existingSecret: with mode: split codes pass between pods; name the Secret with the gateway's certificate, or say grpc.plaintext: true if they may be read on the way" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The one pod that owns the ledger. */}}
{{- define "tollgate.checkGateway" -}}
{{- if gt (int .Values.gateway.replicas) 1 -}}
{{- fail (printf "gateway.replicas: %d gateways would each count and record on their own, as they share no ledger yet; use 1. Adapters may be many: mode: split, adapter.replicas" (int .Values.gateway.replicas)) -}}
{{- end -}}
{{- if not .Values.persistence.enabled -}}
{{- if not .Values.persistence.acceptLoss -}}
{{- fail "persistence.enabled: without a volume the ledger is gone with the pod, and codes may be sent twice; say persistence.acceptLoss: true if that is meant" -}}
{{- end -}}
{{- if .Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim: is not used with persistence.enabled: false" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The end of a pod. */}}
{{- define "tollgate.checkEnd" -}}
{{- $given := .Values.pod.terminationGracePeriodSeconds -}}
{{- range ternary (list "gateway" "adapter") (list "gateway") (eq .Values.mode "split") -}}
{{- $needed := include "tollgate.drainSeconds" (dict "root" $ "component" .) | int -}}
{{- if and (not (kindIs "invalid" $given)) (lt (int $given) $needed) -}}
{{- fail (printf "pod.terminationGracePeriodSeconds: %d is too short; what sleeps before the end, config.drain, and writing the ledger take the %s up to %d" (int $given) . $needed) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.checkAdapter" -}}
{{- $scale := .Values.adapter.autoscaling -}}
{{- if $scale.enabled -}}
{{- if ne .Values.mode "split" -}}
{{- fail "adapter.autoscaling: there are adapters with mode: split only" -}}
{{- end -}}
{{- if lt (int $scale.maxReplicas) (int $scale.minReplicas) -}}
{{- fail (printf "adapter.autoscaling: maxReplicas (%d) is less than minReplicas (%d)" (int $scale.maxReplicas) (int $scale.minReplicas)) -}}
{{- end -}}
{{- if not (or $scale.targetCPUUtilizationPercentage $scale.targetMemoryUtilizationPercentage $scale.metrics) -}}
{{- fail "adapter.autoscaling: names nothing to go by; set a target or metrics" -}}
{{- end -}}
{{- end -}}
{{- $budget := .Values.adapter.podDisruptionBudget -}}
{{- if and $budget.enabled (eq (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) -}}
{{- fail "adapter.podDisruptionBudget: needs exactly one of minAvailable and maxUnavailable; set the other one to null" -}}
{{- end -}}
{{- end -}}

{{/* Secrets by name: their folders must not meet the chart's own, nor a key of existingSecret. */}}
{{- define "tollgate.checkSecrets" -}}
{{- range $name, $secret := default dict .Values.secrets -}}
{{- if has $name (list "grpc" "public" "adapter") -}}
{{- fail (printf "secrets.%s: this name is the chart's own; take another one" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a pod is given beside what the chart makes. */}}
{{- define "tollgate.checkPod" -}}
{{- $component := .component -}}
{{- $pod := get .root.Values $component -}}
{{- range $name, $_ := default dict $pod.extraEnv -}}
{{- if or (hasPrefix "TOLLGATE__" (upper $name)) (eq $name "TOLLGATE_CONFIG") -}}
{{- fail (printf "%s.extraEnv.%s: would lie over the configuration that the chart checks; set it under config" $component $name) -}}
{{- end -}}
{{- end -}}
{{- range $pod.extraArgs -}}
{{- if or (hasPrefix "--only" .) (hasPrefix "--config" .) (hasPrefix "-c" .) -}}
{{- fail (printf "%s.extraArgs: the chart sets %s itself" $component .) -}}
{{- end -}}
{{- end -}}
{{- range $pod.extraVolumes -}}
{{- if has .name (list "config" "secrets" "tmp" "data") -}}
{{- fail (printf "%s.extraVolumes: %s is the name of a volume of the chart's; take another one" $component .name) -}}
{{- end -}}
{{- end -}}
{{- $paths := list -}}
{{- range $pod.extraVolumeMounts -}}
{{- if has (trimSuffix "/" .mountPath) (list "/etc/tollgate" "/run/secrets/tollgate" "/tmp" "/var/lib/tollgate") -}}
{{- fail (printf "%s.extraVolumeMounts: %s is taken by a volume of the chart's" $component .mountPath) -}}
{{- end -}}
{{- $paths = append $paths (trimSuffix "/" .mountPath) -}}
{{- end -}}
{{- range concat (default list $pod.extraContainers) (default list $pod.initContainers) -}}
{{- if eq .name "tollgate" -}}
{{- fail (printf "%s.extraContainers: tollgate is the name of the chart's container; take another one" $component) -}}
{{- end -}}
{{- end -}}
{{- range include "tollgate.referencesOf" . | fromJsonArray -}}
{{- if .env -}}
{{- if not (or (hasKey (default dict $pod.extraEnv) .env) $pod.extraEnvFrom) -}}
{{- fail (printf "config.%s: no variable %s is given; add it to %s.extraEnv, or better name a file of existingSecret" .at .env $component) -}}
{{- end -}}
{{- else if not (hasPrefix (printf "%s/" (include "tollgate.secretsFolder" .)) .file) -}}
{{- $file := .file -}}
{{- $given := false -}}
{{- range $paths -}}
{{- $given = or $given (eq . $file) (hasPrefix (printf "%s/" .) $file) -}}
{{- end -}}
{{- if not $given -}}
{{- fail (printf "config.%s: no volume has %s; keys of existingSecret are below %s/, others need %s.extraVolumeMounts" .at .file (include "tollgate.secretsFolder" .) $component) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.checkServices" -}}
{{- range $name := list "http" "grpc" -}}
{{- $service := get $.Values.service $name -}}
{{- if eq $service.type "ClusterIP" -}}
{{- range $key := list "nodePort" "externalTrafficPolicy" -}}
{{- if get $service $key -}}
{{- fail (printf "service.%s.%s: is for type NodePort or LoadBalancer" $name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if ne $service.type "LoadBalancer" -}}
{{- range $key := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
{{- if get $service $key -}}
{{- fail (printf "service.%s.%s: is for type LoadBalancer" $name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (not (include "tollgate.grpcIsOpen" .)) (ne .Values.service.grpc.type "ClusterIP") -}}
{{- fail "service.grpc.type: the gRPC door is inside the pod only; give it grpc.tls.existingSecret, or say grpc.plaintext: true" -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.checkRoutes" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts: name the host under which Okta reaches Tollgate" -}}
{{- end -}}
{{- range $name := list "httpRoute" "grpcRoute" -}}
{{- $route := get $.Values $name -}}
{{- if and $route.enabled (not $route.parentRefs) -}}
{{- fail (printf "%s.parentRefs: name the Gateway that the route belongs to" $name) -}}
{{- end -}}
{{- if $route.backendTLS.enabled -}}
{{- $door := ternary "public" "grpc" (eq $name "httpRoute") -}}
{{- if not $route.enabled -}}
{{- fail (printf "%s.backendTLS: there is no route; set %s.enabled" $name $name) -}}
{{- end -}}
{{- if not (get $.Values $door).tls.existingSecret -}}
{{- fail (printf "%s.backendTLS: the door has no TLS; set %s.tls.existingSecret" $name $door) -}}
{{- end -}}
{{- if not $route.backendTLS.hostname -}}
{{- fail (printf "%s.backendTLS.hostname: say which name the certificate has" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.grpcRoute.enabled -}}
{{- if not (include "tollgate.grpcIsOpen" .) -}}
{{- fail "grpcRoute: the gRPC door is inside the pod only; give it grpc.tls.existingSecret, or say grpc.plaintext: true" -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- $names := default (list "") .Values.httpRoute.hostnames -}}
{{- range default (list "") .Values.grpcRoute.hostnames -}}
{{- if has . $names -}}
{{- fail (printf "grpcRoute.hostnames: %q is a hostname of httpRoute too, and a Gateway takes only one of them; use another hostname" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
