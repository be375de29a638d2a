{{/* The configuration file of a role, and the files and variables that it reads. */}}

{{- define "tollgate.bindAddress" -}}
{{- default "0.0.0.0" .Values.bindAddress -}}
{{- end -}}

{{- define "tollgate.secretsFolder" -}}/run/secrets/tollgate{{- end -}}

{{/* `{ file: … }` for a key of a Secret that the chart was given by name. */}}
{{- define "tollgate.file" -}}
{{- dict "file" (printf "%s/%s/%s" (include "tollgate.secretsFolder" .) .name .key) | toJson -}}
{{- end -}}

{{/* Certificate and key of a door. */}}
{{- define "tollgate.tls" -}}
certificate: {{ include "tollgate.file" (dict "name" .name "key" .tls.certificateKey) }}
key: {{ include "tollgate.file" (dict "name" .name "key" .tls.keyKey) }}
{{- end -}}

{{- define "tollgate.adapterToken" -}}
{{- include "tollgate.file" (dict "name" "adapter" "key" .Values.grpc.adapterToken.key) -}}
{{- end -}}

{{/* The part of the configuration about the gRPC door. */}}
{{- define "tollgate.grpcConfig" -}}
{{- $grpc := deepCopy (default dict (default dict .Values.config).grpc) -}}
{{- if include "tollgate.grpcIsOpen" . -}}
{{- $_ := set $grpc "listen" (printf "%s:50051" (include "tollgate.bindAddress" .)) -}}
{{- else -}}
{{- $_ := set $grpc "listen" "127.0.0.1:50051" -}}
{{- end -}}
{{- if .Values.grpc.tls.existingSecret -}}
{{- $_ := set $grpc "tls" (include "tollgate.tls" (dict "name" "grpc" "tls" .Values.grpc.tls) | fromYaml) -}}
{{- else if .Values.grpc.plaintext -}}
{{- $_ := set $grpc "plaintext" true -}}
{{- end -}}
{{- if eq .Values.mode "split" -}}
{{- $methods := list "SendOtp" "ReportOutcome" "ExplainRoute" -}}
{{- $token := include "tollgate.adapterToken" . | fromJson -}}
{{- $adapter := dict "name" "adapter" "token" $token "tenants" (list "*") "methods" $methods -}}
{{- $_ := set $grpc "clients" (prepend (default list $grpc.clients) $adapter) -}}
{{- end -}}
{{- toYaml $grpc -}}
{{- end -}}

{{/* What a role reads. `role` is `all`, `gateway` or `adapter`; each gets the sections that it reads, and nothing else. */}}
{{- define "tollgate.config" -}}
{{- $values := .root.Values -}}
{{- $given := deepCopy (default dict $values.config) -}}
{{- $adapts := ne .role "gateway" -}}
{{- $sends := ne .role "adapter" -}}
{{- $config := pick $given "drain" "log" "outbound" "allow_test_providers" -}}
{{- $_ := set $config "admin" (dict "listen" (printf "%s:9090" (include "tollgate.bindAddress" .root))) -}}
{{- $public := default dict $given.public -}}
{{- if $adapts -}}
{{- $_ := set $public "listen" (printf "%s:8080" (include "tollgate.bindAddress" .root)) -}}
{{- if $values.public.tls.existingSecret -}}
{{- $_ := set $public "tls" (include "tollgate.tls" (dict "name" "public" "tls" $values.public.tls) | fromYaml) -}}
{{- end -}}
{{- $_ := set $config "public" $public -}}
{{- else -}}
{{- with pick $public "url" "read_timeout" -}}
{{- $_ := set $config "public" . -}}
{{- end -}}
{{- end -}}
{{- if $sends -}}
{{- $_ := set $config "grpc" (include "tollgate.grpcConfig" .root | fromYaml) -}}
{{- $ledger := default dict $given.ledger -}}
{{- $_ := set $config "ledger" (set $ledger "url" "sqlite:///var/lib/tollgate/tollgate.db") -}}
{{- $config = merge $config (pick $given "privacy" "guard" "providers" "routes") -}}
{{- else -}}
{{- if $config.outbound -}}
{{- $_ := set $config "outbound" (omit $config.outbound "ca") -}}
{{- end -}}
{{- $scheme := ternary "https" "http" (not (empty $values.grpc.tls.existingSecret)) -}}
{{- $gateway := dict "url" (printf "%s://%s:50051" $scheme (include "tollgate.grpcHost" .root)) -}}
{{- $_ := set $gateway "token" (include "tollgate.adapterToken" .root | fromJson) -}}
{{- if and $values.grpc.tls.existingSecret $values.grpc.tls.caKey -}}
{{- $_ := set $gateway "ca" (include "tollgate.file" (dict "name" "grpc" "key" $values.grpc.tls.caKey) | fromJson) -}}
{{- end -}}
{{- $_ := set $config "gateway" $gateway -}}
{{- end -}}
{{- $tenants := dict -}}
{{- range $name, $tenant := default dict $given.tenants -}}
{{- if not $adapts -}}
{{- $_ := set $tenants $name (omit $tenant "okta") -}}
{{- else if $sends -}}
{{- $_ := set $tenants $name $tenant -}}
{{- else if $tenant.okta -}}
{{- $_ := set $tenants $name (pick $tenant "countries" "okta") -}}
{{- end -}}
{{- end -}}
{{- with $tenants -}}
{{- $_ := set $config "tenants" . -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The references to secrets in a configuration, as JSON objects with `at` and either `file` or `env`, one in a line. Below the
     keys that are skipped stand texts of the user's own by names of their own; tenants and providers may have any name. */}}
{{- define "tollgate.references" -}}
{{- $at := .at -}}
{{- if kindIs "map" .value -}}
{{- $only := keys .value | join "," -}}
{{- if and (has $only (list "file" "env")) (kindIs "string" (get .value $only)) -}}
{{ dict "at" (trimPrefix "." $at) $only (get .value $only) | toJson }}
{{ else -}}
{{- range $key, $below := .value -}}
{{- $named := has $at (list ".tenants" ".providers") -}}
{{- if or $named (not (has $key (list "headers" "query" "form" "json" "parameters" "senders" "templates" "buttons" "items" "voices"))) -}}
{{- include "tollgate.references" (dict "value" $below "at" (printf "%s.%s" $at $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $index, $below := .value -}}
{{- include "tollgate.references" (dict "value" $below "at" (printf "%s[%d]" $at $index)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The same as a JSON list, for a role. */}}
{{- define "tollgate.referencesOf" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- $lines := include "tollgate.references" (dict "value" $config "at" "") | trim | splitList "\n" | compact -}}
{{- printf "[%s]" (join "," $lines) -}}
{{- end -}}

{{/* The sources of the volume below /run/secrets/tollgate: for each Secret the keys that this role reads, and no others. Nothing
     where it reads none. */}}
{{- define "tollgate.secretSources" -}}
{{- $values := .root.Values -}}
{{- $folder := printf "%s/" (include "tollgate.secretsFolder" .) -}}
{{- $secrets := dict -}}
{{- range $name, $secret := default dict $values.secrets -}}
{{- $_ := set $secrets $name $secret.existingSecret -}}
{{- end -}}
{{- $own := dict "grpc" $values.grpc.tls.existingSecret "public" $values.public.tls.existingSecret "adapter" $values.grpc.adapterToken.existingSecret -}}
{{- $secrets = merge $secrets $own (dict "" $values.existingSecret) -}}
{{- $items := dict -}}
{{- range include "tollgate.referencesOf" . | fromJsonArray -}}
{{- if .file -}}
{{- if hasPrefix $folder .file -}}
{{- $path := trimPrefix $folder .file -}}
{{- if not (regexMatch "^([-._a-zA-Z0-9]+/)?[-._a-zA-Z0-9]+$" $path) -}}
{{- fail (printf "config.%s: %s must be %sKEY or %sNAME/KEY" .at .file $folder $folder) -}}
{{- end -}}
{{- $name := ternary (splitList "/" $path | first) "" (contains "/" $path) -}}
{{- if not (get $secrets $name) -}}
{{- $missing := ternary (printf "secrets.%s" $name) "existingSecret" (ne $name "") -}}
{{- fail (printf "config.%s: %s names a key of a Secret, but %s is not given" .at .file $missing) -}}
{{- end -}}
{{- $item := dict "key" (base $path) "path" $path -}}
{{- $_ := set $items $name (append (default list (get $items $name)) $item | uniq) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $items | sortAlpha }}
- secret:
    name: {{ include "tollgate.text" (dict "root" $.root "text" (get $secrets $name)) | quote }}
    items:
      {{- range get $items $name }}
      - key: {{ .key | quote }}
        path: {{ .path | quote }}
      {{- end }}
{{- end }}
{{- end -}}
