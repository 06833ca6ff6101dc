# Waits until its standard input closes, then ends every process that has the folder $1, or one below it, as its
# root, and removes that folder. Processes are known by their root: it survives daemonising, and nobody else has it.
trap '' HUP INT TERM

cat >/dev/null

processes() {
    find /proc/[0-9]*/root -maxdepth 0 -printf '%h %l\n' 2>/dev/null | while read -r process root; do
        case $root in
        "$1" | "$1"/*) echo "${process#/proc/}" ;;
        esac
    done
}

# Five seconds to end in good order, then by force.
round=0
found=$(processes "$1")
while [ -n "$found" ]; do
    signal=TERM
    [ "$round" -lt 50 ] || signal=KILL
    # Unquoted on purpose: one argument for each process. Some may have ended by now.
    kill -s "$signal" $found 2>/dev/null
    round=$((round + 1))
    sleep 0.1
    found=$(processes "$1")
done
rm -rf -- "$1"
