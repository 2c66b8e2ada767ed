# What the scripts here share: processes that end with the script, and a gateway that SDKs find by their variables.
# Sourced by a script that has set `python`.

# Nothing of the machine's own gets in.
unset ANTHROPIC_AUTH_TOKEN
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

scratch=$(mktemp -d)
processes=()

end() {
  code=$?
  trap - EXIT
  for each in "${processes[@]}"; do
    kill "$each" 2>/dev/null || true
    wait "$each" 2>/dev/null || true
  done
  if [ "$code" -ne 0 ]; then cat "$scratch"/*.errors >&2 || true; fi
  rm -rf "$scratch"
  exit "$code"
}
trap end EXIT
trap 'exit 130' INT TERM

# begin NAME COMMAND...: starts it, and waits until it says that it is ready, which lies in $scratch/NAME then.
begin() {
  local name=$1
  shift
  "$@" >"$scratch/$name" 2>"$scratch/$name.errors" &
  process=$!
  processes+=("$process")
  for _ in $(seq 300); do
    if [ -s "$scratch/$name" ]; then return; fi
    kill -0 "$process" 2>/dev/null || break
    sleep 0.1
  done
  echo "$name did not start" >&2
  exit 1
}

# gateway WEIR MANIFESTS: starts `weir up` on free ports.
gateway() {
  begin weir "$1" up "$2" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    --state "$scratch/state" --usage-log "$scratch/usage.jsonl" -o json
  OPENAI_BASE_URL=$(field '["base_url"]')
  OPENAI_API_KEY=$(field '["keys"][0]["key"]')
  # Anthropic's SDK adds the version itself.
  ANTHROPIC_BASE_URL=${OPENAI_BASE_URL%/v1}
  ANTHROPIC_API_KEY=$OPENAI_API_KEY
  export OPENAI_BASE_URL OPENAI_API_KEY ANTHROPIC_BASE_URL ANTHROPIC_API_KEY
}

field() { "$python" -c "import json, sys; print(json.load(open(sys.argv[1]))$1)" "$scratch/weir"; }

# end_in_order NAME: the process begun last is told to end, and does.
end_in_order() {
  kill -TERM "$process"
  wait "$process" || { echo "$1 did not end in order: exit code $?" >&2; exit 1; }
}
