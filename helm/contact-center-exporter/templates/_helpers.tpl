{{- /* Of all objects; a shard's name in a lease, and those of pods, are longer and have 63 characters at most. */ -}}
{{- define "contact-center-exporter.fullname" -}}
{{- $own := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- .Values.fullnameOverride | default $own | replace "." "-" | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "contact-center-exporter.selector" -}}
app.kubernetes.io/component: exporter
app.kubernetes.io/instance: {{ include "contact-center-exporter.fullname" . }}
app.kubernetes.io/name: {{ .Chart.Name }}
{{- end -}}

{{- /* Of an object of `root`, by its `name`; some have `labels` and `annotations` of their own, a `namespace` other than
       the release's, or none, being of the `cluster`. */ -}}
{{- define "contact-center-exporter.metadata" -}}
{{- $selector := include "contact-center-exporter.selector" .root | fromYaml -}}
{{- $standard := dict
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
-}}
{{- $labels := merge dict (.labels | default dict) $selector $standard .root.Values.labels -}}
{{- $metadata := dict "labels" $labels "name" .name -}}
{{- with merge dict (.annotations | default dict) .root.Values.annotations -}}
  {{- $_ := set $metadata "annotations" . -}}
{{- end -}}
{{- if not .cluster -}}
  {{- $_ := set $metadata "namespace" (.namespace | default .root.Release.Namespace) -}}
{{- end -}}
{{- toYaml $metadata -}}
{{- end -}}

{{- define "contact-center-exporter.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "contact-center-exporter.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "contact-center-exporter.priorityClassName" -}}
{{- $own := printf "%s-%s" .Release.Namespace (include "contact-center-exporter.fullname" .) -}}
{{- .Values.priorityClass.name | default (ternary $own "" .Values.priorityClass.create) -}}
{{- end -}}

{{- define "contact-center-exporter.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* The names of the leases that replicas contend for, as a list: one for each shard. */ -}}
{{- define "contact-center-exporter.leases" -}}
{{- $name := include "contact-center-exporter.fullname" . -}}
{{- $count := int .Values.shards -}}
{{- range $shard := until $count }}
- {{ ternary $name (printf "%s-%d-of-%d" $name $shard $count) (eq $count 1) }}
{{- end }}
{{- end -}}

{{- define "contact-center-exporter.config" -}}
server:
  listen: ":{{ .Values.port }}"
  {{- if .Values.ha.enabled }}
  ha: kubernetes-lease
  lease:
    duration: {{ .Values.ha.leaseDuration }}
    name: {{ include "contact-center-exporter.fullname" . }}
  {{- end }}
  {{- if ne .Values.state.volume "none" }}
  state_dir: /var/lib/contact-center-exporter
  {{- end }}
  {{- if .Values.webConfig.existingSecret }}
  web_config: /run/web/web.yaml
  {{- end }}
{{- with .Values.config }}
{{ kindIs "string" . | ternary . (toYaml .) | trimSuffix "\n" }}
{{- end }}
{{- end -}}

{{- /* What the schema cannot see: a text, and what does not go together. */ -}}
{{- define "contact-center-exporter.check" -}}
{{- if not (regexMatch "^[a-z]" (include "contact-center-exporter.fullname" .)) -}}
  {{- fail "the name of a Service begins with a letter: set fullnameOverride" -}}
{{- end -}}
{{- $config := .Values.config | default dict -}}
{{- if kindIs "string" $config -}}
  {{- range regexFindAll "[a-z_]*(secret|token|password|private_key|api_key|pseudonym_key|service_account)[\"']?\\s*:" $config -1 -}}
    {{- fail (printf "config: %s a secret does not belong in values: keep it in a Secret, name that in `secrets`, and write ..._file: /run/secrets/SECRET/KEY" .) -}}
  {{- end -}}
  {{- $config = fromYaml $config -}}
  {{- with $config.Error -}}
    {{- fail (printf "config: %s" .) -}}
  {{- end -}}
  {{- if hasKey $config "server" -}}
    {{- fail "config: leave `server` out: the chart writes it" -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.existingConfigMap $config.accounts -}}
  {{- fail "config and existingConfigMap are both given: leave out one of them" -}}
{{- end -}}
{{- range $config.accounts -}}
  {{- if and (eq (toString .vendor) "zendesk_talk") (hasKey (.credentials | default dict) "refresh_token_file") (ne $.Values.state.volume "persistent") -}}
    {{- fail (printf "account %s has a refresh token that rotates and would be lost with the pod: set state.volume=persistent" .name) -}}
  {{- end -}}
{{- end -}}
{{- $several := or .Values.ha.enabled (gt (int .Values.shards) 1) -}}
{{- if and $several (eq .Values.state.volume "persistent") (not .Values.state.existingClaim) (not (has "ReadWriteMany" .Values.state.accessModes)) -}}
  {{- fail "several pods share the state, for an account may move from one to another: set state.accessModes={ReadWriteMany}" -}}
{{- end -}}
{{- end -}}
