# bash completion for viaduct

_viaduct_verdicts() {
	viaduct explain --list 2>/dev/null | cut -d ' ' -f 1
}

_viaduct_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_viaduct_read() {
	case $prev in
	-o | --only)
		mapfile -t COMPREPLY < <(compgen -W "failures $(_viaduct_verdicts)" -- "$cur")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	--ladder | --html)
		_viaduct_files -f
		return
		;;
	--slice)
		_viaduct_files -d
		return
		;;
	-x | --proxy | -t | --from | --to | --max-connections | --threads)
		return
		;;
	esac
	case $cur in
	--color=*)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "${cur#*=}")
		;;
	--packets=*)
		mapfile -t COMPREPLY < <(compgen -W 'tcpdump wireshark' -- "${cur#*=}")
		;;
	-*)
		mapfile -t COMPREPLY < <(compgen -W '--json --summary --only --packets
			--packets=wireshark --details --ladder --html --slice --proxy --from --to
			--max-connections --threads --color --help' \
			-- "$cur")
		;;
	*)
		_viaduct_files -f
		;;
	esac
}

_viaduct_watch() {
	case $prev in
	-i | --interface)
		mapfile -t COMPREPLY < <(compgen -W "any $(ls /sys/class/net 2>/dev/null)" -- "$cur")
		return
		;;
	-o | --only)
		mapfile -t COMPREPLY < <(compgen -W "failures $(_viaduct_verdicts)" -- "$cur")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	-u | --user)
		mapfile -t COMPREPLY < <(compgen -A user -- "$cur")
		return
		;;
	-r | --ring)
		_viaduct_files -d
		return
		;;
	-s | --store)
		_viaduct_files -f
		return
		;;
	-x | --proxy | -f | --filter | -m | --metrics | -b | --buffer | --max-connections)
		return
		;;
	esac
	case $cur in
	--color=*)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "${cur#*=}")
		;;
	-*)
		mapfile -t COMPREPLY < <(compgen -W '--interface --proxy --filter --json --only
			--store --ring --metrics --buffer --user --max-connections --color --help' \
			-- "$cur")
		;;
	esac
}

_viaduct_explain() {
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--list --help' -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$(_viaduct_verdicts)" -- "$cur") ;;
	esac
}

_viaduct_check() {
	case $prev in
	-X | --method)
		mapfile -t COMPREPLY < <(compgen -W 'GET HEAD' -- "$cur")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	--ca | --settings | --store | --report | --change-request)
		_viaduct_files -f
		return
		;;
	-p | --profile)
		mapfile -t COMPREPLY < <(compgen -W 'cisco-fmc debian docker github npm pypi windows-update' \
			-- "$cur")
		[[ ${#COMPREPLY[@]} -gt 0 ]] || _viaduct_files -f
		return
		;;
	-x | --proxy | -U | --proxy-user | -u | --user | --download | -w | --wait | -e | --every | -l | --listen)
		return
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--proxy --proxy-user --user --method --download --ca
		--settings --profile --change-request --every --listen --store --report
		--direct --resume --idle --wait --json --verbose --color --help' -- "$cur") ;;
	*)
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W 'auth download idle mtu path tls' -- "$cur")
		fi
		;;
	esac
}

_viaduct_proxy_user() {
	case $prev in
	-f | --file | -c | --config)
		_viaduct_files -f
		return
		;;
	-r | --realm)
		return
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--file --config --realm --help' -- "$cur") ;;
	*)
		if ((COMP_CWORD == 3)); then
			mapfile -t COMPREPLY < <(compgen -W 'add remove list' -- "$cur")
		fi
		;;
	esac
}

_viaduct_proxy_top() {
	case $prev in
	-c | --config)
		_viaduct_files -f
		return
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--config --once --json --help' -- "$cur") ;;
	*) _viaduct_files -f ;;
	esac
}

_viaduct_proxy() {
	if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[2]} == user ]]; then
		_viaduct_proxy_user
		return
	fi
	if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[2]} == top ]]; then
		_viaduct_proxy_top
		return
	fi
	case $prev in
	-c | --config)
		_viaduct_files -f
		return
		;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--config --check --explain --help' -- "$cur") ;;
	*)
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W 'user top' -- "$cur")
		fi
		;;
	esac
}

_viaduct_settings() {
	local options='--file --help'
	local formats='env environment curl wget git apt npm pip docker dockerd systemd pac json'
	local tools='environment curl wget git apt npm pip docker systemd'
	if ((COMP_CWORD == 2)); then
		mapfile -t COMPREPLY < <(compgen -W 'show set unset test apply undo export audit --help' -- "$cur")
		return
	fi
	case $prev in
	-f | --file)
		_viaduct_files -f
		return
		;;
	--root)
		_viaduct_files -d
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$cur")
		return
		;;
	esac
	case ${COMP_WORDS[2]} in
	show) options+=' --json' ;;
	test) options+=' --json --verbose' ;;
	export) options+=' --format --with-password' ;;
	audit) options+=' --json --root' ;;
	apply) options+=' --root --yes' ;;
	undo) options='--root --yes --help' ;;
	esac
	case ${COMP_WORDS[2]}:$cur in
	export:--format=*) mapfile -t COMPREPLY < <(compgen -W "$formats" -- "${cur#*=}") ;;
	*:-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
	set:*)
		compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W 'enabled= host= port= auth= user= password' -- "$cur")
		;;
	apply:*) mapfile -t COMPREPLY < <(compgen -W "$tools" -- "$cur") ;;
	unset:*)
		mapfile -t COMPREPLY < <(compgen -W 'enabled host port auth user password all' -- "$cur")
		;;
	esac
}

_viaduct_connections() {
	case $prev in
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	--settings)
		_viaduct_files -f
		return
		;;
	esac
	case $cur in
	--color=*)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "${cur#*=}")
		;;
	-*) mapfile -t COMPREPLY < <(compgen -W '--watch --json --settings --color --help' -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
	esac
}

_viaduct_console() {
	case $prev in
	--cert | --key | --log | -f | --file)
		_viaduct_files -f
		return
		;;
	-s | --state | --root)
		_viaduct_files -d
		return
		;;
	--role)
		mapfile -t COMPREPLY < <(compgen -W 'view change' -- "$cur")
		return
		;;
	-l | --listen | -n | --name | -t | --target | --keep | --history | --capture)
		return
		;;
	esac
	if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[2]} == user ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--role --remove --state --help' -- "$cur")
		return
	fi
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--listen --cert --key --plain --name --state --log --file
		--root --target --keep --history --capture --help' -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W 'user' -- "$cur") ;;
	esac
}

_viaduct() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	# bash splits words at "=": put --color=al together again
	if [[ $cur == = && $prev == --* ]]; then
		cur=$prev=
	elif [[ $prev == = && $COMP_CWORD -ge 2 && ${COMP_WORDS[COMP_CWORD - 2]} == --* ]]; then
		cur=${COMP_WORDS[COMP_CWORD - 2]}=$cur
		prev=${COMP_WORDS[COMP_CWORD - 3]}
	fi
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'read watch check explain proxy settings connections console --help --version' -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	read) _viaduct_read ;;
	watch) _viaduct_watch ;;
	check) _viaduct_check ;;
	explain) _viaduct_explain ;;
	proxy) _viaduct_proxy ;;
	settings) _viaduct_settings ;;
	connections) _viaduct_connections ;;
	console) _viaduct_console ;;
	esac
}

complete -F _viaduct viaduct
