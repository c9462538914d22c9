# bash completion of cnitool

_cnitool() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local commands="add check del gc list networks status validate version"
  local options="--args --cache-dir --capability-args --conf-dir --container-id --help --ifname
    --plugin-path --timeout"
  local command="" position=0 conf_dir="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --conf-dir) conf_dir=${COMP_WORDS[++i]} ;;
      -i | --*) [[ ${COMP_WORDS[i]} == --json || ${COMP_WORDS[i]} == --help ]] || ((i++)) ;;
      *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else ((position++)); fi ;;
    esac
  done
  COMPREPLY=()
  case $before in
    --conf-dir | --cache-dir | --plugin-path) mapfile -t COMPREPLY < <(compgen -d -- "$word") ; return ;;
    -i | --ifname | --args | --capability-args | --container-id | --keep | --timeout) return ;;
  esac
  if [[ $word == -* ]]; then
    [[ $command == gc ]] && options+=" --keep"
    [[ $command == list ]] && options+=" --json"
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  elif [[ $position == 0 && $command != @(list|networks|version) ]]; then
    local names
    names=$(cnitool networks ${conf_dir:+--conf-dir "$conf_dir"} 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
    [[ $command == validate ]] && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
  elif [[ $position == 1 && $command != validate ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "${word:-/run/netns/}")
  fi
}
complete -F _cnitool cnitool
