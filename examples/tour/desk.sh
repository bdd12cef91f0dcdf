# Source this file (`. examples/tour/desk.sh`): `ask` sends GraphQL with curl, `pick` takes a value out of an
# answer. TOKEN says who you are, DESK where the desk is.

DESK=${DESK:-http://127.0.0.1:8000/graphql}

# ask QUERY [VARIABLES as JSON]
ask() {
  python3 -c 'import json, sys; print(json.dumps({"query": sys.argv[1], "variables": json.loads(sys.argv[2])}))' \
    "$1" "${2:-"{}"}" |
    curl --silent --show-error "$DESK" --data @- \
      --header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json" |
    python3 -c '
import json, sys
answer = sys.stdin.read()  # Nothing, when curl has said why.
if answer:
    print(json.dumps(json.loads(answer), indent=4, ensure_ascii=False))'
}

# pick KEY...: the value at that place of the JSON on standard input
pick() {
  python3 -c '
import json, sys
answer = sys.stdin.read()
try:
    value = json.loads(answer)
    for key in sys.argv[1:]:
        value = value[int(key) if isinstance(value, list) else key]
except (ValueError, LookupError, TypeError):
    sys.exit("There is no " + " ".join(sys.argv[1:]) + " in this answer:\n" + answer)
print(value)' "$@"
}

# away SIDE PRICE: a limit price 3 % from the market, at which an order waits
away() {
  python3 -c '
import sys
from decimal import Decimal
factor = Decimal("1.03") if sys.argv[1] == "SELL" else Decimal("0.97")
print(round(Decimal(sys.argv[2]) * factor, 2))' "$@"
}
