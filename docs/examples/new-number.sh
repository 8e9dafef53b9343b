#!/usr/bin/env bash
# The story of the new number, against a gateway of its own with a simulated
# carrier. Nothing leaves this machine. Shows each request, what the phones
# receive, each webhook, and each line of the audit trail.
#
#   docs/examples/new-number.sh [PATH OF watchword]
#
# Needs curl and python3. A hold of a day lasts HOLD_S seconds here, 5 by
# default. STORE_URL=redis://.. uses a Redis in place of a file.
set -euo pipefail

watchword=$(realpath "${1:-$(dirname "$0")/../../target/release/watchword}")
hold_s=${HOLD_S:-5}
here=$(mktemp -d)
pids=()

clean_up() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$here"
}
trap clean_up EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
drawn() { python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'; }
digest() { python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest())' "$1"; }

port=$(free_port) admin_port=$(free_port) sink_port=$(free_port)
key=wk_$(drawn) ada=op_$(drawn) bob=op_$(drawn) webhook_secret=$(drawn)
if [ -n "${STORE_URL:-}" ]; then
  store="kind = \"redis\"
url = \"$STORE_URL\""
else
  store="kind = \"embedded\"
path = \"$here/store\""
fi

cat >"$here/gateway.toml" <<TOML
[server]
listen = "127.0.0.1:$port"
admin_listen = "127.0.0.1:$admin_port"
public_url = "http://127.0.0.1:$port"
drain_delay_s = 0

[store]
$store

[[keys]]
id = "k1"
secret = "$(drawn)"

# A receiver on this machine, without TLS: only for trying out.
[webhooks]
allow_http = true
allow_networks = ["127.0.0.0/8"]
ports = ["$sink_port"]

# More codes in a minute than people ask for.
[limits]
sends_per_number = [{ count = 1000, per_s = 1 }]
sends_per_subject = [{ count = 1000, per_s = 1 }]
sends_per_number_all_tenants = [{ count = 1000, per_s = 1 }]

[subjects]
hold_b_s = $hold_s

[[tenants]]
name = "acme"
brand = "Acme"
regions = ["US"]
api_keys = [{ id = "identity", sha256 = "$(digest "$key")", scopes = ["verify", "read", "subjects", "read_pii"] }]

[[tenants.webhooks]]
id = "identity"
url = "http://127.0.0.1:$sink_port/watchword"
secret = "whsec_$webhook_secret"

[[operators]]
name = "ada"
keys = [{ id = "ada-1", sha256 = "$(digest "$ada")" }]

[[operators]]
name = "bob"
keys = [{ id = "bob-1", sha256 = "$(digest "$bob")" }]

[[providers]]
id = "carrier"
kind = "sandbox"
channels = ["sms", "voice"]

[[routes]]
channel = "sms"
hops = ["carrier"]
TOML
chmod 600 "$here/gateway.toml"

# What the identity service does with webhooks: verifies and remembers them.
cat >"$here/sink.py" <<'PYTHON'
import base64, hashlib, hmac, http.server, json, sys
port, secret, path = int(sys.argv[1]), base64.b64decode(sys.argv[2]), sys.argv[3]

class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        genuine = any(hmac.compare_digest(f"v1,{mac}", one) for one in self.headers["webhook-signature"].split())
        self.send_response(204 if genuine else 401)
        self.end_headers()
        if genuine:
            with open(path, "a") as file:
                file.write(json.dumps(json.loads(body)) + "\n")
    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", port), Sink).serve_forever()
PYTHON
: >"$here/told"
python3 "$here/sink.py" "$sink_port" "$webhook_secret" "$here/told" &
pids+=($!)
(cd "$here" && exec "$watchword" serve --config gateway.toml >"$here/log" 2>&1) 2>/dev/null &
pids+=($!)

base=http://127.0.0.1:$port
for _ in $(seq 400); do
  curl -fs "http://127.0.0.1:$admin_port/readyz" >/dev/null && break
  kill -0 "${pids[1]}" 2>/dev/null || { cat "$here/log"; exit 1; }
  sleep 0.1
done

# --- How the story is told

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
quote() { printf '    %s\n' "$*"; }

# field PATH: of the last answer, such as number_change.status
field() {
  python3 - "$1" "$here/answer" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[2]))
for name in sys.argv[1].split("."):
    value = value[int(name)] if isinstance(value, list) else value.get(name)
print(value if isinstance(value, str) else json.dumps(value))
PYTHON
}

# call STATUS METHOD PATH [JSON] [KEY]: asks, shows, and insists on the status.
call() {
  local expected=$1 method=$2 path=$3 body=${4:-} as=${5:-$key} status
  local ask=(-s -o "$here/answer" -w '%{http_code}' -X "$method" "$base$path" -H "Authorization: Bearer $as")
  [ -z "$body" ] || ask+=(-H 'Content-Type: application/json' -d "$body")
  status=$(curl "${ask[@]}")
  printf '  %s %s %s\n  -> %s %s\n' "$method" "$path" "$body" "$status" "$(head -c 600 "$here/answer")"
  [ "$status" = "$expected" ] || { echo "expected $expected"; tail -n 20 "$here/log"; exit 1; }
}

# phone NUMBER WORDS: waits for one more message that has these words, and keeps it.
declare -A seen
phone() {
  local found
  for _ in $(seq 200); do
    found=$(curl -fsG "$base/v1/sandbox/messages" --data-urlencode "to=$1" -H "Authorization: Bearer $key" |
      python3 -c 'import json, sys
texts = [one["text"] for one in json.load(sys.stdin) if sys.argv[1] in one["text"]]
print(len(texts), texts[0] if texts else "")' "$2")
    [ "${found%% *}" -gt "${seen[$1 $2]:-0}" ] && break
    sleep 0.1
  done
  [ "${found%% *}" -gt "${seen[$1 $2]:-0}" ] || { echo "nothing came to $1 with: $2"; exit 1; }
  seen[$1 $2]=${found%% *}
  message=${found#* }
  quote "phone $1: $message"
}

messages_of() {
  curl -fsG "$base/v1/sandbox/messages" --data-urlencode "to=$1" -H "Authorization: Bearer $key" |
    python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'
}

code() { code=${message%% *}; }
# Undo and report tokens, as a person reads them off the notice.
undo_token() { token=$(echo "$message" | sed 's/.*undo with \([0-9A-Z-]*\).*/\1/'); }
report_token() { token=$(echo "$message" | sed 's/.*report with \([0-9A-Z-]*\).*/\1/'); }

# told KIND..: waits for these webhooks of the step, and shows all that came.
told_lines=0
told() {
  for kind in "$@"; do
    for _ in $(seq 200); do
      tail -n "+$((told_lines + 1))" "$here/told" | grep -q "\"type\": \"$kind\"" && break
      sleep 0.1
    done
    tail -n "+$((told_lines + 1))" "$here/told" | grep -q "\"type\": \"$kind\"" || { echo "no webhook $kind"; exit 1; }
  done
  local until
  until=$(wc -l <"$here/told")
  sed -n "$((told_lines + 1)),${until}p" "$here/told" | python3 -c '
import json, sys
events = [json.loads(line) for line in sys.stdin]
events = [one for one in events if not one["type"].startswith(("delivery.", "verification."))]
# They come in no promised order; the revision tells it.
for event in sorted(events, key=lambda one: (one["data"]["subject"], one["data"]["revision"])):
    print("    webhook", event["type"], json.dumps(event["data"]))'
  told_lines=$until
}

# audit: the lines of this subject that were not shown yet.
audit_lines=0
audit() {
  curl -fs "$base/v1/subjects/$subject/audit?from=$((audit_lines + 1))" -H "Authorization: Bearer $key" >"$here/audit"
  python3 - "$here/audit" <<'PYTHON'
import json, sys
trail = json.load(open(sys.argv[1]))
assert trail["complete"], "a line is missing"
for line in trail["lines"]:
    shown = {k: v for k, v in line.items() if k not in ("n", "at", "actor", "what", "prev", "hash") and v not in (None, [])}
    print(f"    audit {line['n']:>2} {line['at']} {line['actor']}: {line['what']}", json.dumps(shown) if shown else "", line["hash"][:8])
PYTHON
  audit_lines=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["count"])' "$here/audit")
}

# --- The owner

subject=u-1 old=+14155550123 new=+14155550167
s=/v1/subjects/$subject

say "Ann enrols her phone"
call 201 POST $s/methods "{\"phone\": \"$old\", \"evidence\": [{\"type\": \"session\"}]}"
method=$(field method.id)
phone $old "code"
code
call 200 POST $s/methods/$method/confirm "{\"code\": \"$code\"}"
told method.active
audit

say "She signs in with a code, and keeps a recovery code"
call 201 POST /v1/verifications "{\"subject\": \"$subject\"}"
verification=$(field id)
phone $old "code"
code
call 200 POST "/v1/verifications/$verification/check" "{\"code\": \"$code\"}"
call 201 POST $s/recovery-codes "{\"evidence\": [{\"type\": \"method\", \"verification_id\": \"$verification\"}]}"
recovery_code=$(field code)
told subject.recovery_code_created
audit

say "The phone is gone, and with it the number. She has the recovery code and her password"
call 201 POST $s/recoveries "{\"evidence\": [{\"type\": \"recovery_code\", \"code\": \"$recovery_code\"}, {\"type\": \"single_factor\"}]}"
recovery=$(field recovery.id)
quote "a fresh recovery code: $(field recovery_code.code)"
told subject.recovery_opened
audit

say "Her new number: its code is typed back, and every old address is told"
call 201 POST $s/number-changes "{\"to\": \"$new\", \"evidence\": [{\"type\": \"recovery\", \"id\": \"$recovery\"}]}"
change=$(field number_change.id)
phone $new "code"
code
call 200 POST $s/number-changes/$change/confirm "{\"code\": \"$code\"}"
phone $old "undo with"
told number_change.new_verified number_change.notice
audit

say "While it is held, the old number receives codes and the new one nothing"
before=$(messages_of $new)
call 201 POST /v1/verifications "{\"subject\": \"$subject\"}"
phone $old "code"
[ "$(messages_of $new)" = "$before" ] || { echo "the new number received something"; exit 1; }

say "The hold ends after $hold_s s: completed, and sessions are to end"
told number_change.completed subject.security_changed
call 200 GET $s/number-changes/$change
call 201 POST /v1/verifications "{\"subject\": \"$subject\"}"
phone $new "code"
audit

# --- The thief

subject=u-2 old=+14155550188 new=+14155550144
s=/v1/subjects/$subject
audit_lines=0

say "Ben has a phone too"
call 201 POST $s/methods "{\"phone\": \"$old\", \"evidence\": [{\"type\": \"session\"}]}"
method=$(field method.id)
phone $old "code"
code
call 200 POST $s/methods/$method/confirm "{\"code\": \"$code\"}"
told method.active

say "A thief has his session, and nothing else: that changes nothing"
call 403 POST $s/number-changes "{\"to\": \"$new\", \"evidence\": [{\"type\": \"session\"}]}"

say "So the thief has lost everything, allegedly: thirty days, and everybody is told"
call 201 POST $s/recoveries "{\"evidence\": [{\"type\": \"session\"}]}"
recovery=$(field recovery.id)
phone $old "security setting"
call 201 POST $s/number-changes "{\"to\": \"$new\", \"evidence\": [{\"type\": \"recovery\", \"id\": \"$recovery\"}]}"
change=$(field number_change.id)
phone $new "code"
code
call 200 POST $s/number-changes/$change/confirm "{\"code\": \"$code\"}"
told subject.recovery_opened number_change.notice
audit

say "Ben reads the notice on his phone, and undoes it"
phone $old "undo with"
undo_token
call 200 POST $s/number-changes/$change/undo "{\"token\": \"$token\"}"
told number_change.undone subject.security_changed
call 409 POST $s/number-changes/$change/undo "{\"token\": \"$token\"}"
call 201 POST /v1/verifications "{\"subject\": \"$subject\"}"
phone $old "code"
audit

say "The thief tries again. This time Ben says: this was not me"
call 201 POST $s/recoveries "{\"evidence\": [{\"type\": \"session\"}]}"
recovery=$(field recovery.id)
call 201 POST $s/number-changes "{\"to\": \"$new\", \"evidence\": [{\"type\": \"recovery\", \"id\": \"$recovery\"}]}"
again=$(field number_change.id)
phone $new "code"
code
call 200 POST $s/number-changes/$again/confirm "{\"code\": \"$code\"}"
told number_change.notice
phone $old "report with"
report_token
call 200 POST $s/number-changes/$again/report "{\"token\": \"$token\"}"
told subject.frozen subject.security_changed
call 423 POST /v1/verifications "{\"subject\": \"$subject\"}"
audit

say "Ada has spoken with him, and unfreezes"
call 200 POST $s/unfreeze '{"tenant": "acme", "reason": "spoke with Ben", "ticket": "T-17"}' "$ada"
told subject.unfrozen
call 201 POST /v1/verifications "{\"subject\": \"$subject\"}"
phone $old "code"
audit

for number in 14155550123 14155550167 14155550188 14155550144; do
  ! grep -q "$number" "$here/log" || { echo "a number stands in the log"; exit 1; }
done
say "Nobody was locked out, and nobody let in."
