# Completion of `lanes` for bash. The commands of this program are listed here; those of a running
# node are asked of the program itself (`lanes complete-words LINE`), and so are lanes and nodes.
_lanes() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case $previous in
        --socket)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
    esac
    local -a words
    mapfile -t words < <(command "${COMP_WORDS[0]}" complete-words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$current")
    # Node files, where one may stand.
    if [[ $COMP_CWORD -eq 1 || $COMP_CWORD -eq 2 && $previous =~ ^(run|check|doctor)$ ]]; then
        local -a files
        mapfile -t files < <(compgen -f -X '!*.yaml' -- "$current"; compgen -f -X '!*.yml' -- "$current"
            compgen -d -S / -- "$current")
        [[ ${#files[@]} -gt 0 && ${files[0]} == */ ]] && compopt -o nospace
        COMPREPLY+=("${files[@]}")
    fi
}
complete -F _lanes lanes
