# SPDX-License-Identifier: GPL-2.0-only
# bash completion for headcount(8). A line per command: its options, those with a value as
# -l,--long=VALUE, and then its arguments. tests/net/completion.t compares it with the program.
_headcount_table='
trace     -j,--json --inbound --outbound
run       -c,--config=FILE -e,--events=LIST -p,--pin --check
users     -s,--service=SERVICE -F,--fleet --host=NAME -c,--config=FILE -j,--json
events    -s,--service=SERVICE -u,--user=USER -a,--action=ACTION -f,--format=FORMAT --socket=PATH
sessions  -s,--service=SERVICE -u,--user=USER -i,--idle=DURATION --unheard=DURATION -a,--age=DURATION -r,--remote=ADDR[/LEN] --state=STATE,... --orphan --stale --id=N... -F,--fleet --host=NAME -c,--config=FILE --sort=KEY -j,--json
cap       SERVICE USER CAP
reload
policy    -j,--json
status    -j,--json
audit     -r,--repair -j,--json
metrics   -t,--top-users=N -o,--openmetrics
why       -F,--fleet --host=NAME -c,--config=FILE -i,--idle=DURATION -j,--json SERVICE USER
top       -s,--service=SERVICE -F,--fleet --host=NAME -c,--config=FILE -i,--interval=SECONDS
label     --fd=N --id=ID -r,--remote=ADDR:PORT -l,--local=ADDR:PORT --netns=N -k,--kill -j,--json NAME
kill      -s,--service=SERVICE -u,--user=USER -i,--idle=DURATION --unheard=DURATION -a,--age=DURATION -r,--remote=ADDR[/LEN] --state=STATE,... --orphan --stale --id=N... -F,--fleet --host=NAME -c,--config=FILE -n,--dry-run -y,--yes -q,--quiet -j,--json
debug     -o,--output=FILE --with-users
detach
'

# Words of a kind, one a line. A cgroup's name could contain what a shell would run, so only
# safe names are offered.
_headcount_words() {
	local safe='[A-Za-z0-9_.:/@%+,-]+'
	case $1 in
	FILE) compgen -f -- "$2" ;;
	CAP) printf '%s\n' unlimited default ;;
	SERVICE)
		printf '%s\n' inbound outbound
		sed -nE "s/^[[:blank:]]*\[service[[:blank:]]+($safe)[[:blank:]]*\].*/\1/p" /etc/headcount.conf
		headcount users --json | grep -oE "\"service\":\"$safe\"" | cut -d '"' -f 4
		;;
	USER) headcount users --json | grep -oE "\"user\":\"$safe\"" | cut -d '"' -f 4 ;;
	esac 2>/dev/null | sort -u
}

_headcount() {
	local line=${COMP_LINE:0:COMP_POINT} words options arguments=() entry word kind= what taken=0 i
	read -ra words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=('')
	local cur=${words[-1]} last=$((${#words[@]} - 1)) candidates=()

	COMPREPLY=()
	if ((last < 2)); then
		candidates=($(sed 's/[[:blank:]].*//' <<<"$_headcount_table") --help --verbose --version)
	else
		read -ra options <<<"$(grep -E "^${words[1]//[^a-z]/}([[:blank:]]|\$)" <<<"$_headcount_table")"
		for entry in "${options[@]:1}" -v,--verbose -h,--help; do
			[[ $entry == -* ]] || { arguments+=("$entry"); continue; }
			word=${entry%%=*}
			candidates+=("${word#-?,}")
		done
		# Which value or argument is the last word?
		for ((i = 2; i <= last; i++)); do
			what= cur=${words[i]}
			for entry in "${options[@]:1}"; do
				[[ $entry == *=* ]] || continue
				word=${entry%%=*}
				case ${words[i]} in
				"${word#-?,}="*) what=${entry#*=} cur=${words[i]#*=} ;;
				"${word#-?,}" | "${word%%,*}") ((i == last)) || what=${entry#*=} i=$((i + 1)) cur=${words[i]} ;;
				esac
			done
			kind=$what
			[[ -z $what && ${words[i]} != -* ]] || continue
			kind=${arguments[taken++]}
		done
		[[ -n $kind || $cur == -* ]] || return
		[[ -z $kind ]] || readarray -t candidates <<<"$(_headcount_words "$kind" "$cur")"
		# Readline quotes what a shell would run (but not where a test calls us).
		[[ $kind != FILE ]] || compopt -o filenames 2>/dev/null || true
	fi
	# Readline replaces what is after the last of these.
	for word in "${candidates[@]}"; do
		[[ -z $word || $word != "$cur"* ]] || COMPREPLY+=("${word#"${cur%"${cur##*[:=]}"}"}")
	done
}
complete -F _headcount headcount
