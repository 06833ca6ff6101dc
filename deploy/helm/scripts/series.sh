# Asks one of an entry's proxies whether it exports the filter's series. What this does not show: that traffic passes, that
# all pods of the entry have the filter, and what is counted.
stats=$(wget -q -T 5 -O - "$URL") || {
    echo "no proxy answers at $URL: is a pod of the selector running, and does it have Istio's proxy?"
    exit 1
}
if printf '%s\n' "$stats" | grep "^${FILTER}_connections_opened_total{" | grep -q "stat_prefix=\"$STAT_PREFIX\""; then
    echo "the filter runs: ${FILTER}_connections_opened_total has the label stat_prefix=\"$STAT_PREFIX\""
    exit 0
fi
if printf '%s\n' "$stats" | grep -q "^${FILTER}_stat_prefix___"; then
    echo "the filter runs, but its metrics have no labels: set extraStatTags (see the notes of the release)"
    exit 1
fi
echo "the proxy does not export ${FILTER}_connections_opened_total: the filter is not on this pod, or could not be loaded; see the proxy's log"
exit 1
