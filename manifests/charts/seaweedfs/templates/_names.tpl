{{- /* The password of Postgres in an environment's variable, which it takes the name of. */ -}}
{{- define "seaweedfs.password" -}}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: seaweedfs-app, key: password}}
{{- end -}}

{{- /*
What runs before a filer whose names are in Postgres. Takes a list of the root context and the part. The filer with the volume moves
them there, once, with nobody else to change them meanwhile; the others wait for it.
*/ -}}
{{- define "seaweedfs.names" -}}
{{- $root := index . 0 }}
{{- $first := list $root "look" }}
{{- $last := list $root "done" }}
{{- if eq (index . 1) "filer" }}
{{- include "seaweedfs.namesInPostgres" $first }}
- name: move
  {{- include "seaweedfs.container" (list $root $root.Values.resources) | nindent 2 }}
    {{- include "seaweedfs.password" "WEED_POSTGRES_PASSWORD" | nindent 4 }}
  command: [/bin/sh, /etc/names/move.sh]
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: tmp, mountPath: /tmp}
    - {name: names, mountPath: /etc/names, readOnly: true}
    - {name: authority, mountPath: /etc/postgres, readOnly: true}
{{ include "seaweedfs.namesInPostgres" $last }}
{{- else }}
{{- include "seaweedfs.namesInPostgres" (list $root "wait") }}
{{- end }}
{{- end -}}

{{- /*
What runs before a filer with names of its own, and refuses to go on where they have moved: a schema that does not look at the topology
of before, as without a spec, would let it serve those of the day they moved.
*/ -}}
{{- define "seaweedfs.namesHere" -}}
- name: look
  {{- include "seaweedfs.container" (list . (dict "cpu" "200m" "memory" "128Mi")) | nindent 2 }}
  command: [/bin/sh, -c]
  args:
    - |
      if test -e /data/names-are-in-postgres; then
        echo "topology: Simple: names of objects moved to Postgres seaweedfs, and those here are old: set topology: MultiZone and volume.zones as they were" >&2
        exit 1
      fi
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    - {name: data, mountPath: /data}
{{- end -}}

{{- /* Takes a list of the root context and what is to be done, as mark.sh has it. */ -}}
{{- define "seaweedfs.namesInPostgres" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  image: {{ include "seaweedfs.postgres" . }}
  resources:
    {{- include "resources" (list $root (dict "cpu" "200m" "memory" "128Mi")) | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities:
      drop: [ALL]
  env:
    - {name: PGHOST, value: seaweedfs-rw.{{ $root.Release.Namespace }}.svc}
    - {name: PGDATABASE, value: app}
    - {name: PGUSER, value: app}
    - {name: PGSSLMODE, value: verify-full}
    - {name: PGSSLROOTCERT, value: /etc/postgres/ca.crt}
    {{- include "seaweedfs.password" "PGPASSWORD" | nindent 4 }}
  command: [/bin/sh, /etc/names/mark.sh, {{ index . 1 }}]
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: names, mountPath: /etc/names, readOnly: true}
    - {name: authority, mountPath: /etc/postgres, readOnly: true}
{{- end -}}

{{- define "seaweedfs.postgres" -}}
ghcr.io/cloudnative-pg/postgresql:18.6-standard-trixie
{{- end -}}

{{- /*
Marks in Postgres and on the volume that the names have moved. "look": they may have, with the volume not marked yet; if not, the table
is made that SeaweedFS puts them in and does not make. "done": they
have. "wait": until they have. A volume that is marked and a Postgres that is not mean that it is not the one they moved to: a filer
would begin with no names there, or with those of the day they moved.
*/ -}}
{{- define "seaweedfs.mark" -}}
set -eu
marked=/data/names-are-in-postgres
sql() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
}
until sql 'SELECT 1' >/dev/null; do sleep 5; done
is_there() {
  test "$(sql "SELECT to_regclass('public.names_are_here') IS NOT NULL")" = t
}
case $1 in
wait)
  until is_there; do sleep 5; done
  exit 0
  ;;
look)
  test -e $marked || sql 'CREATE TABLE IF NOT EXISTS public.filemeta (
    dirhash BIGINT, name VARCHAR(65535), directory VARCHAR(65535), meta bytea, PRIMARY KEY (dirhash, name)
  )'
  ;;
done)
  test -e $marked || sql 'CREATE TABLE IF NOT EXISTS public.names_are_here ()'
  ;;
esac
if is_there; then
  touch $marked
elif test -e $marked; then
  echo "names of objects moved to Postgres seaweedfs, and it has none: bring it back as it was" >&2
  exit 1
fi
{{- end -}}

{{- /*
Moves the names of the filer's own database to Postgres, and leaves them where they were. Both times a filer and a master of its own
serve them, on loopback: nobody else hears of these. It may be broken off and begun again. The shell of SeaweedFS ends well also where
a command failed, and loads while the last names are still on their way, of which it loses some when it ends: so it saves in the
same breath, and what counts is that as many come out of Postgres as went in. Seen with 4.31.
*/ -}}
{{- define "seaweedfs.move" -}}
set -eu
work=${1:-/data}
if test -e $work/names-are-in-postgres || ! test -e $work/filerldb2; then exit 0; fi
there=127.0.0.1
mkdir -p /tmp/master /tmp/none /tmp/postgres
weed -logtostderr=true master -ip=$there -ip.bind=$there -port=9334 -mdir=/tmp/master -peers=none &
master=$!
filer=
# Waits for its end, so that nobody takes it for the next.
stop() {
  if test -n "$filer"; then
    kill -9 $filer || true
    wait $filer || true
  fi
  filer=
}
trap 'stop; kill -9 $master' EXIT
# Takes the directory with the file that says where names are.
serve() {
  (cd $1 && exec weed -logtostderr=true filer -ip=$there -ip.bind=$there -port=8890 -master=$there:9334 -defaultStoreDir=$work -disableDirListing) &
  filer=$!
  until wget -q -O /dev/null http://$there:8890/healthz; do
    kill -0 $filer
    sleep 1
  done
}
shell() {
  echo "$1" | weed shell -master=$there:9334 -filer=$there:8890
}
# Saves all names and prints how many directories and files they are; before that, does what else is to be done. Only the line before
# the one that says that they are saved counts: what was loaded has a total too.
save() {
  shell "${2:-fs.cd /}
fs.meta.save -o $1 /" | sed -n '/^total /{N;s/^total \([0-9]* directories, [0-9]* files\).* is saved to .*$/\1/p;}'
}
serve /tmp/none
had=$(save $work/names.meta.gz)
stop
test -n "$had"
cp /etc/names/filer.toml /tmp/postgres/
serve /tmp/postgres
has=
for try in 1 2 3; do
  # Each name waits until Postgres has written it twice, so some are on their way together: fewer than a filer has connections.
  test "$has" = "$had" || has=$(save $work/names.again.gz "fs.meta.load -v=false -concurrency=16 $work/names.meta.gz")
done
rm -f $work/names.again.gz
echo "in the filer's own database: $had; in Postgres: ${has:-unknown}"
test "$has" = "$had"
rm $work/names.meta.gz
{{- end -}}
