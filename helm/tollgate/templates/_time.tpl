{{/* How long a pod may take to end. */}}

{{/* A duration such as 300ms, 10s or `1m 30s` in milliseconds. */}}
{{- define "tollgate.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "sec" 1000 "secs" 1000 "m" 60000 "min" 60000 "mins" 60000 -}}
{{- $units = merge $units (dict "h" 3600000 "hr" 3600000 "hrs" 3600000 "hour" 3600000 "hours" 3600000) -}}
{{- $units = merge $units (dict "d" 86400000 "day" 86400000 "days" 86400000) -}}
{{- $sum := 0 -}}
{{- if not (regexMatch "^([0-9]+ ?[a-z]+ ?)+$" .text) -}}
{{- fail (printf "%s: %q is no duration such as 300ms, 10s or 1m 30s" .at .text) -}}
{{- end -}}
{{- range regexFindAll "[0-9]+ ?[a-z]+" .text -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- if not (hasKey $units $unit) -}}
{{- fail (printf "%s: %q is no duration such as 300ms, 10s or 1m 30s" $.at $.text) -}}
{{- end -}}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | atoi) (get $units $unit)) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* The seconds that a component's drain may take: the sleep before SIGTERM, by the user's own hook if that is longer, then what `config.drain` says, five seconds to write the ledger,
     and five to spare. */}}
{{- define "tollgate.drainSeconds" -}}
{{- $values := .root.Values -}}
{{- $drain := default dict (default dict $values.config).drain -}}
{{- $own := dig "preStop" "sleep" "seconds" 0 (default dict (get $values .component).lifecycle) -}}
{{- $delay := include "tollgate.milliseconds" (dict "at" "config.drain.propagation_delay" "text" (default "2s" $drain.propagation_delay)) -}}
{{- $deadline := include "tollgate.milliseconds" (dict "at" "config.drain.deadline" "text" (default "15s" $drain.deadline)) -}}
{{- $whole := div (add (atoi $delay) (atoi $deadline) 999) 1000 -}}
{{- add (max (int $values.pod.preStopSeconds) (int $own)) $whole 5 5 -}}
{{- end -}}

{{- define "tollgate.gracePeriod" -}}
{{- default (include "tollgate.drainSeconds" .) .root.Values.pod.terminationGracePeriodSeconds | int -}}
{{- end -}}
