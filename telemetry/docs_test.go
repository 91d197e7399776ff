package telemetry_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/telemetry"
)

var update = flag.Bool("update", false, "write the list of the metrics anew")

const page = "../docs/observability.md"

// The table of metrics is between these lines of the page.
const tableBegins, tableEnds = "<!-- metrics: go test ./telemetry -update -->\n", "<!-- end of metrics -->\n"

func metricTable() string {
	var table strings.Builder
	table.WriteString("\n| Metric | Kind | Labels | Of the | What it is |\n|---|---|---|---|---|\n")
	for _, m := range telemetry.Metrics() {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Kind, labels, m.Scope, m.Help)
	}
	table.WriteString("\n")
	return table.String()
}

func TestTheDocumentationListsTheMetrics(t *testing.T) { //nolint:paralleltest // with -update it writes
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, begins := strings.Cut(string(content), tableBegins)
	table, after, ends := strings.Cut(rest, tableEnds)
	require.True(t, begins && ends, "the page has no place for the list")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+tableBegins+metricTable()+tableEnds+after), 0o644))
		return
	}
	require.Equal(t, metricTable(), table, "run: go test ./telemetry -update")
}
