{{/* Names stay below what a label may hold, 63 characters, with the suffix that each object adds. */}}
{{- define "weir.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | trunc 48 | trimAll "-." -}}
{{- end -}}

{{- define "weir.operator" -}}
{{ include "weir.fullname" . }}-operator
{{- end -}}

{{/*
Of what lies outside of the release's namespace: releases of one name in two namespaces must not meet there. No
namespace's name has a dot, so no two pairs give one name.
*/}}
{{- define "weir.operator.abroad" -}}
{{ include "weir.operator" . }}.{{ .Release.Namespace }}
{{- end -}}

{{/* A Deployment's selector cannot be changed: nothing here depends on a value. */}}
{{- define "weir.selector" -}}
app.kubernetes.io/name: weir-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The user's own come second: none takes the place of ours. */}}
{{- define "weir.labels" -}}
{{- $ours := include "weir.selector" . | fromYaml -}}
{{- $_ := set $ours "app.kubernetes.io/component" "operator" -}}
{{- $_ := set $ours "app.kubernetes.io/part-of" "weir" -}}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $ours "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- merge $ours .Values.commonLabels | toYaml -}}
{{- end -}}

{{/* For Argo CD, when one Application holds the chart and objects of its kinds; nobody else reads it. */}}
{{- define "weir.wave" -}}
argocd.argoproj.io/sync-wave: "-5"
{{- end -}}

{{/* Takes a list: the root, and {repository, digest}. */}}
{{- define "weir.image" -}}
{{- $root := first . -}}
{{- $image := last . -}}
{{- with $root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}
