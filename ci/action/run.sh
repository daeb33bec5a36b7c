#!/usr/bin/env bash
# The steps of action.yml that are not actions: `work` (is there any?), `call` (the one dagger call) and `tell` (Slack).
# All that they are given comes by environment variables, so that no value becomes a word of a shell line.
set -euo pipefail

settings="${FOLDER:-.}/modelway.yaml"

# A section of the settings, without a YAML parser: a runner may have none. The settings' own check is the stage's.
section() {
  [[ ! -f $settings ]] || awk -v key="$1:" '
    index($0, key) == 1 { inside = 1; print; next }
    /^[^ \t#]/ { inside = 0 }
    inside' "$settings"
}

note() { # a line for people: in the log and on the run's page
  printf '%s\n' "$1"
  printf '%s\n' "$1" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
}

github() { # a path of this repository's API
  curl --silent --show-error --fail --max-time 30 \
    --config <(printf 'header = "Authorization: Bearer %s"\n' "$GITHUB_TOKEN") \
    --header 'Accept: application/vnd.github+json' "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/$1"
}

# Whether what is registered is still there after this job: on a server, or in an engine that is kept.
registry_lasts() {
  [[ -n ${MLFLOW_TRACKING_URI-} || -n ${_EXPERIMENTAL_DAGGER_RUNNER_HOST-} ]] ||
    [[ $(section register) =~ tracking_uri:\ *[\"\']?(http|databricks) ]]
}

# Why a scheduled run has nothing to do; empty where it has.
nothing_scheduled() {
  # A runner of one's own may keep its engine, and so the registry in it.
  if ! registry_lasts && [[ ${RUNNER_ENVIRONMENT-} != self-hosted ]]; then
    echo "not configured: no registry outlives a job here; set the secret MLFLOW_TRACKING_URI"
    return
  fi
  case $CALL in
    batch)
      [[ -n ${ARG_INPUT_URI-} || $(section batch) == *input* ]] ||
        echo "not configured: nothing to score; set the variable MODELWAY_BATCH_INPUT, or batch.input in the settings"
      ;;
    monitor)
      [[ -n ${ARG_PREDICTIONS_URI-} || $(section monitor) == *predictions* ]] ||
        [[ -n $(section environments) && ! $(section monitor) =~ environment:\ *[\"\']?local ]] ||
        echo "not configured: no prediction log within reach; set the variable MODELWAY_PREDICTIONS, or monitor.environment"
      ;;
    rollout)
      if rests; then echo "no rollout is under way, and nothing was trained since the last look"; fi
      ;;
  esac
}

# Whether the newest look found nothing to roll out, no training ended since, and that is less than six hours ago.
# Whatever can't be found out is looked into by a call.
rests() {
  local idle busy training newest='[.artifacts[].created_at] | max // ""'
  local file=${GITHUB_WORKFLOW_REF%%@*}
  file=${file##*/}
  idle=$(github "actions/artifacts?per_page=100&name=${REPORT/report/idle}" | jq -er "$newest") || return 1
  busy=$(github "actions/artifacts?per_page=100&name=$REPORT" | jq -r "$newest") || return 1
  training=$(github "actions/workflows/${file/rollout-model/train-model}/runs?status=success&per_page=1" |
    jq -r '[.workflow_runs[].updated_at] | max // ""') || return 1
  [[ -n $idle && $idle > $busy && $idle > $training ]] &&
    jq -en --arg idle "$idle" 'now - ($idle | fromdate) < 6 * 3600' > /dev/null
}

# Whether each file that changed is one that this call ignores; not where nobody knows what changed.
all_ignored() {
  local file glob below="${FOLDER:-.}/" changed
  [[ ${BASE-} =~ ^[0-9a-f]{40}$ && ! $BASE =~ ^0+$ ]] || return 1
  changed=$(github "compare/$BASE...${HEAD:-$GITHUB_SHA}?per_page=1" |
    jq -er 'select((.files | length) < 300) | [.files[] | .filename, .previous_filename // empty] | .[]') || return 1
  while IFS= read -r file; do
    [[ $below == ./ || $file == "$below"* ]] || continue
    is_ignored "${file#"${below#./}"}" || return 1
  done <<< "$changed"
}

is_ignored() {
  local glob
  while IFS= read -r glob; do
    [[ -n $glob ]] || continue
    # Within [[ ]] a star crosses folders.
    # shellcheck disable=SC2053 # it is a pattern
    if [[ $1 == $glob || (${glob:0:3} == '**/' && $1 == ${glob:3}) ]]; then return 0; fi
  done <<< "$IGNORE"
  return 1
}

work() {
  local why=''
  case $GITHUB_EVENT_NAME in
    schedule) why=$(nothing_scheduled) ;;
    push | pull_request | merge_group)
      if [[ -n ${IGNORE-} ]] && all_ignored; then why="no file that $CALL looks at was changed"; fi
      ;;
  esac
  [[ -z $why ]] || note "$CALL: $why"
  if [[ -z $why ]]; then echo work=true; else echo work=false; fi >> "$GITHUB_OUTPUT"
}

call() {
  local words=(call) name flag when exit_code
  cd "${FOLDER:-.}"
  rm -f reports/summary.json # an earlier call's
  [[ -z ${MODULE-} ]] || words+=(-m "$MODULE" --source .)
  # An empty secret is one that is not given: the module decides that, for every caller alike.
  for flag in mlflow-username=MLFLOW_TRACKING_USERNAME mlflow-password=MLFLOW_TRACKING_PASSWORD \
    aws-access-key-id=AWS_ACCESS_KEY_ID aws-secret-access-key=AWS_SECRET_ACCESS_KEY \
    aws-session-token=AWS_SESSION_TOKEN registry-user=MODELWAY_REGISTRY_USER \
    registry-token=MODELWAY_REGISTRY_TOKEN kubeconfig=KUBECONFIG_TEXT slack-webhook=SLACK_WEBHOOK \
    github-token=GITHUB_TOKEN index-url=MODELWAY_INDEX_URL; do
    name=${flag#*=}
    export "$name=${!name-}" # one that is not even empty would be an error
    words+=("--${flag%%=*}" "env://$name")
  done
  words+=("--run-url=$RUN_URL" "--github-api-url=$GITHUB_API_URL")
  words+=("--source-url=$SOURCE_URL" "$CALL" --report-only)
  case $CALL in
    check-* | test | audit | smoke-train) ;;
    *)
      export MLFLOW_TRACKING_URI="${MLFLOW_TRACKING_URI-}"
      words+=(--tracking-uri env://MLFLOW_TRACKING_URI)
      ;;
  esac
  case $CALL in
    train | deploy | rollout) words+=("--commit=$GITHUB_SHA") ;;
    monitor) words+=(--act "--repository=$GITHUB_REPOSITORY") ;;
    release) words+=("--repository=$GITHUB_REPOSITORY") ;;
    batch) words+=("--run=$GITHUB_RUN_NUMBER") ;; # "Re-run jobs" keeps it, so that a run goes on
  esac
  if [[ $CALL == train ]] && when=$(git show --no-patch --format=%cI HEAD); then words+=("--commit-time=$when"); fi
  for name in "${!ARG_@}"; do
    flag=$(tr 'A-Z_' 'a-z-' <<< "${name#ARG_}")
    [[ -z ${!name} ]] || words+=("--$flag=${!name}")
  done
  dagger "${words[@]}" export --path reports
  exit_code=$(jq -e '.exit_code | select(type == "number")' reports/summary.json)
  summary
  exit "$exit_code"
}

# What a call came to: on the run's page, and for the steps and jobs that follow.
summary() {
  local said
  said=$(jq -r --arg call "$CALL" '
    "\($call): exit code \(.exit_code)",
    (.parts // {} | to_entries[] | "\(.key): \(.value.verdict): \(.value.reason)"),
    (.gates // [] | .[] | "gate \(.gate): \(.verdict): \(.reason)"),
    (.nothing // empty | "nothing to roll out: \(.)"),
    (.version // empty | "version \(.)"),
    (.failed // empty | "\(.stage) ended with exit code \(.exit_code); it said last:", .said)' reports/summary.json)
  printf '%s\n' "$said"
  # shellcheck disable=SC2016 # a fence of Markdown
  printf '````text\n%s\n````\n' "${said//\`\`\`\`/}" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
  if registry_lasts; then jq -r 'select(.created) | "version=\(.version)"' reports/summary.json; fi >> "$GITHUB_OUTPUT"
  jq -r --arg idle "${REPORT/report/idle}" 'select(.nothing) | "report=\($idle)"' reports/summary.json >> "$GITHUB_OUTPUT"
}

# Slack hears of failures from the stage itself; of those before it came to run, only from here.
tell() {
  local text said="${FOLDER:-.}/reports/summary.json"
  [[ -n ${SLACK_WEBHOOK-} ]] || return 0
  if [[ -f $said ]] && jq -e '.failed.ran != false' "$said" > /dev/null; then return 0; fi
  text="*$GITHUB_WORKFLOW* of $GITHUB_REPOSITORY failed before \`$CALL\` could run. <$RUN_URL|Open the run>"
  jq -n --arg text "$text" '{text: $text}' |
    curl --silent --show-error --fail --max-time 30 --output /dev/null --header 'Content-Type: application/json' \
      --data @- --config <(printf 'url = "%s"\n' "$SLACK_WEBHOOK") ||
    echo '::warning::Slack could not be told of this failure.'
}

case $1 in
  work | call | tell) "$1" ;;
esac
