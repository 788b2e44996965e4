{{- define "contact-center-exporter.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- with pick .Values.securityContext "runAsGroup" "runAsUser" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "contact-center-exporter.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- with .Values.securityContext }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* `path` over HTTP. Where that takes TLS or a password, which a probe must not know: liveness lets the program ask
       itself, and the others see whether it listens. */ -}}
{{- define "contact-center-exporter.probe" -}}
{{- $guarded := not (empty .root.Values.webConfig.existingSecret) -}}
{{- $asks := and $guarded (eq .kind "liveness") -}}
{{- if $asks -}}
exec:
  command: [/app/bin/python3, -I, -m, exporter.healthcheck, --config, /etc/contact-center-exporter/config.yaml]
{{ end -}}
failureThreshold: {{ ternary 30 3 (eq .kind "startup") }}
{{- if not $guarded }}
httpGet:
  path: {{ ternary "/-/ready" "/-/healthy" (eq .kind "readiness") }}
  port: metrics
{{- end }}
periodSeconds: {{ eq .kind "startup" | ternary 2 (ternary 30 10 $asks) }}
{{- if and $guarded (not $asks) }}
tcpSocket:
  port: metrics
{{- end }}
timeoutSeconds: {{ ternary 15 5 $asks }}
{{- end -}}

{{- /* The platforms of the image. */ -}}
{{- define "contact-center-exporter.nodeAffinity" -}}
requiredDuringSchedulingIgnoredDuringExecution:
  nodeSelectorTerms:
    - matchExpressions:
        - key: kubernetes.io/arch
          operator: In
          values: [amd64, arm64]
        - key: kubernetes.io/os
          operator: In
          values: [linux]
{{- end -}}

{{- /* The vendors' names have two dots: with the usual five, each look-up would begin with three in vain. */ -}}
{{- define "contact-center-exporter.dnsConfig" -}}
options:
  - name: ndots
    value: "2"
{{- end -}}

{{- /* The template of the pods of `root`: that of one `shard` (a text), or one that fits all of a StatefulSet. */ -}}
{{- define "contact-center-exporter.pod" -}}
{{- $ := .root -}}
{{- $values := $.Values -}}
{{- $selector := include "contact-center-exporter.selector" $ | fromYaml -}}
{{- $own := empty .shard | ternary dict (dict "contact-center-exporter/shard" .shard) -}}
metadata:
  {{- $config := ternary dict (dict "checksum/config" (include "contact-center-exporter.config" $ | sha256sum)) (not (empty $values.existingConfigMap)) }}
  {{- with merge dict $config $values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  labels:
    {{- merge dict $own $selector $values.labels | toYaml | nindent 4 }}
spec:
  affinity:
    {{- if $values.affinity }}
    {{- toYaml $values.affinity | nindent 4 }}
    {{- else }}
    nodeAffinity:
      {{- include "contact-center-exporter.nodeAffinity" $ | nindent 6 }}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - podAffinityTerm:
            labelSelector:
              matchLabels:
                {{- toYaml $selector | nindent 16 }}
            topologyKey: kubernetes.io/hostname
          weight: 100
    {{- end }}
  automountServiceAccountToken: false
  containers:
    - args:
        - run
        - --config=/etc/contact-center-exporter/config.yaml
        - --log-format=json
        - --log-level={{ $values.logLevel }}
        {{- if gt (int $values.shards) 1 }}
        - --shard={{ .shard | default "$(POD_INDEX)" }}/{{ $values.shards }}
        {{- end }}
      {{- if and (gt (int $values.shards) 1) (not .shard) }}
      env:
        - name: POD_INDEX
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
      {{- end }}
      image: {{ include "contact-center-exporter.image" $ }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      livenessProbe:
        {{- include "contact-center-exporter.probe" (dict "root" $ "kind" "liveness") | nindent 8 }}
      name: exporter
      ports:
        - containerPort: {{ $values.port }}
          name: metrics
          protocol: TCP
      readinessProbe:
        {{- include "contact-center-exporter.probe" (dict "root" $ "kind" "readiness") | nindent 8 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        {{- include "contact-center-exporter.containerSecurity" $ | nindent 8 }}
      startupProbe:
        {{- include "contact-center-exporter.probe" (dict "root" $ "kind" "startup") | nindent 8 }}
      volumeMounts:
        - mountPath: /etc/contact-center-exporter
          name: config
          readOnly: true
        {{- range $index, $_ := $values.secrets }}
        - mountPath: /run/secrets/{{ . }}
          name: secret-{{ $index }}
          readOnly: true
        {{- end }}
        {{- if ne $values.state.volume "none" }}
        - mountPath: /var/lib/contact-center-exporter
          name: state
        {{- end }}
        {{- if $values.ha.enabled }}
        - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
          name: token
          readOnly: true
        {{- end }}
        {{- if $values.webConfig.existingSecret }}
        - mountPath: /run/web
          name: web
          readOnly: true
        {{- end }}
  dnsConfig:
    {{- include "contact-center-exporter.dnsConfig" $ | nindent 4 }}
  enableServiceLinks: false
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ quote . }}
    {{- end }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "contact-center-exporter.priorityClassName" $ }}
  priorityClassName: {{ quote . }}
  {{- end }}
  restartPolicy: Always
  securityContext:
    {{- include "contact-center-exporter.podSecurity" $ | nindent 4 }}
  serviceAccountName: {{ include "contact-center-exporter.serviceAccountName" $ | quote }}
  terminationGracePeriodSeconds: 30
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if $values.topologySpreadConstraints }}
    {{- toYaml $values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - labelSelector:
        matchLabels:
          {{- toYaml $selector | nindent 10 }}
      maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
    {{- end }}
  volumes:
    - configMap:
        name: {{ $values.existingConfigMap | default (include "contact-center-exporter.fullname" $) | quote }}
      name: config
    {{- range $index, $name := $values.secrets }}
    - name: secret-{{ $index }}
      secret:
        defaultMode: 0440
        secretName: {{ quote $name }}
    {{- end }}
    {{- if eq $values.state.volume "memory" }}
    - emptyDir:
        medium: Memory
        sizeLimit: {{ $values.state.size }}
      name: state
    {{- else if eq $values.state.volume "persistent" }}
    - name: state
      persistentVolumeClaim:
        claimName: {{ $values.state.existingClaim | default (include "contact-center-exporter.fullname" $) | quote }}
    {{- end }}
    {{- if $values.ha.enabled }}
    - name: token
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken:
              expirationSeconds: 3600
              path: token
          - configMap:
              items:
                - key: ca.crt
                  path: ca.crt
              name: kube-root-ca.crt
          - downwardAPI:
              items:
                - fieldRef:
                    fieldPath: metadata.namespace
                  path: namespace
    {{- end }}
    {{- with $values.webConfig.existingSecret }}
    - name: web
      secret:
        defaultMode: 0440
        secretName: {{ quote . }}
    {{- end }}
{{- end -}}
